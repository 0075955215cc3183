// The pictures: each function gives the gnuplot body of one picture in one theme, behind script_head(). They draw from
// results alone and know no files. Every text from a file passes through literal().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "report/draw/theme.h"
#include "report/run.h"

namespace triage::report {

struct Drawing {
  Picture picture;
  std::function<std::string(const Run& run, const Picture& picture, const Theme& theme)> body;
};

// All that the run has data for, in the order they stand in the report.
std::vector<Drawing> drawings(const Run& run);

std::string draw_acc_vs_latency(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_routing_gain(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_escalation_vs_threshold(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_reliability(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_per_class(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_training(const Run& run, const Picture& picture, const Theme& theme);
std::string draw_latency(const Run& run, const Picture& picture, const Theme& theme);

// The images of Evaluation::examples with what happened to them.
struct ExampleImage {
  Example example;
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, channels]
};
Drawing examples_drawing(const std::string& name, const std::string& title, const std::string& how_to_read,
                         std::vector<ExampleImage> images);

// Writes one drawing as a PNG at `path` (replaced only when gnuplot succeeded) and returns its bytes.
std::string render(const Run& run, const Drawing& drawing, const Theme& theme, const fs::path& path);

}  // namespace triage::report
