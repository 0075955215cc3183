// Colours, fonts and number formats shared by all pictures and the page: a policy or stage has the same colour
// everywhere. Two themes, light and dark, for the page follows what the reader's system prefers.
#pragma once

#include <string>
#include <vector>

#include "report/run.h"

namespace triage::report {

struct Theme {
  bool dark = false;
  std::string background, panel, text, muted, grid, good, bad;  // "#rrggbb"
};
const Theme& light_theme();
const Theme& dark_theme();

// Okabe-Ito hues (distinct for colour-blind readers); random and oracle are neutral.
std::string policy_color(const Theme& theme, const std::string& policy);
// From teal (first, cheap) to violet (last, expensive).
std::string stage_color(const Theme& theme, std::size_t stage, std::size_t stages);

std::string percent(double fraction, int digits = 1);  // "93.1 %"
std::string duration_us(double microseconds);          // "143 µs", "1.23 ms"
std::string count_text(double count);                  // "111 M", "4.2 k"
std::string signed_number(double value, int digits);   // "+0.42", "−0.21" with a true minus
std::string grouped(std::size_t count);                // "10,000"
std::string policy_title(const std::string& policy);   // "learned router"

// At most this many columns (core/text.h), "…" behind what was cut.
std::string shortened(const std::string& text, std::size_t columns);

// The unit an axis of latencies is drawn in: values are divided by `scale`.
struct LatencyUnit {
  double scale = 1;
  std::string name = "µs";
};
LatencyUnit latency_unit(double largest_us);

// A picture: name (file stem), size in CSS pixels (drawn at twice that), and a gnuplot body for a theme.
struct Picture {
  std::string name, title, how_to_read;
  int width = 1120, height = 520;
};

// Terminal and style commands that open every script; output is the PNG's path.
std::string script_head(const Picture& picture, const Theme& theme, const fs::path& output);
// A left-aligned bold panel title above the plot's upper left corner.
std::string panel_title(const Theme& theme, const std::string& title, const std::string& subtitle = {});

}  // namespace triage::report
