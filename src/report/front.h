// A picture of a search's front: accuracy against cost of the plans found, of nets alone, and of what breaks budgets.
#pragma once

#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::report {

struct FrontPicture {
  struct Point {
    double cost, accuracy;  // accuracy: a share
  };
  struct Series {
    std::string title;
    std::vector<Point> points;
  };
  std::string title = "Plans found by the search";
  std::string cost_title = "mean latency (us)", accuracy_title = "validation accuracy (%)";
  std::vector<Series>
      singles;                // nets alone, by precision where there are several; title: what comes behind "nets alone"
  std::vector<Series> plans;  // the front, by kind of plan
  std::vector<Series> curves;  // drawn as lines: oracle, hand-picked pair
  std::vector<Series> lines;   // methods held against each other, each with a colour of its own
  std::vector<Point> infeasible;
};

// Writes a PNG at `path` (atomic). Throws Error when there is nothing to draw or gnuplot fails.
void draw_front(const FrontPicture& front, const fs::path& path);

}  // namespace triage::report
