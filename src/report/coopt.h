// A picture of what wrong costs lose: the plans chosen under several cost models at what they really cost, and their
// regret.
#pragma once

#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage::report {

struct CooptPicture {
  struct Point {
    double accuracy;           // a share, on the validation split
    double cost;               // of the plan chosen for it, under the deployed model
    double regret, low, high;  // percent; low, high: of its interval, both `regret` where there is none
    double structure;          // percent: of the same structure with thresholds solved anew
  };
  struct Model {
    std::string title;          // what its plans are "chosen under"
    bool deployed = false;      // its regret is zero: not drawn
    std::vector<Point> points;  // rising accuracy
  };
  std::string cost_title = "mean latency (us)";
  std::vector<Model> models;
  int seeds = 1;
};

// Writes a PNG at `path` (atomic). Throws Error when there is nothing to draw or gnuplot fails.
void draw_coopt(const CooptPicture& coopt, const fs::path& path);

}  // namespace triage::report
