#include "report/draw/theme.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

#include "core/text.h"
#include "report/draw/gnuplot.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

constexpr int kPixelRatio = 2;

struct Rgb {
  int r, g, b;
};
std::string hex(const Rgb& c) { return std::format("#{:02x}{:02x}{:02x}", c.r, c.g, c.b); }

}  // namespace

const Theme& light_theme() {
  static const Theme theme{.dark = false,
                           .background = "#ffffff",
                           .panel = "#f6f7f9",
                           .text = "#1c2430",
                           .muted = "#5f6b7a",
                           .grid = "#e3e7ec",
                           .good = "#0a7f5a",
                           .bad = "#c2401c"};
  return theme;
}

const Theme& dark_theme() {
  static const Theme theme{.dark = true,
                           .background = "#171c24",
                           .panel = "#1f2630",
                           .text = "#e6eaf0",
                           .muted = "#9aa7b7",
                           .grid = "#313a47",
                           .good = "#3ecf9a",
                           .bad = "#ff8a5c"};
  return theme;
}

std::string policy_color(const Theme& theme, const std::string& policy) {
  struct Entry {
    const char *policy, *light, *dark;
  };
  static constexpr std::array<Entry, 6> kColors{{{"learned", "#0068b5", "#56a8f5"},
                                                 {"confidence", "#d55e00", "#ff9248"},
                                                 {"entropy", "#00906a", "#35cfa0"},
                                                 {"margin", "#b0528f", "#ea92c9"},
                                                 {"random", "#8a95a3", "#7d8997"},
                                                 {"oracle", "#1c2430", "#e6eaf0"}}};
  const auto found = std::ranges::find_if(kColors, [&](const Entry& entry) { return policy == entry.policy; });
  if (found == kColors.end()) return theme.muted;
  return theme.dark ? found->dark : found->light;
}

std::string stage_color(const Theme& theme, std::size_t stage, std::size_t stages) {
  const Rgb first = theme.dark ? Rgb{70, 201, 190} : Rgb{15, 148, 136};
  const Rgb last = theme.dark ? Rgb{165, 140, 255} : Rgb{91, 62, 190};
  const double t = stages > 1 ? static_cast<double>(stage) / static_cast<double>(stages - 1) : 0;
  const auto mix = [&](int a, int b) { return static_cast<int>(std::lround(std::lerp(a, b, t))); };
  return hex({mix(first.r, last.r), mix(first.g, last.g), mix(first.b, last.b)});
}

std::string percent(double fraction, int digits) { return std::format("{:.{}f} %", 100 * fraction, digits); }

std::string duration_us(double us) {
  if (us < 9.95) return std::format("{:.2f} µs", us);
  if (us < 99.5) return std::format("{:.1f} µs", us);
  if (us < 9999.5) return std::format("{:.0f} µs", us);
  if (us < 1e6) return std::format("{:.1f} ms", us / 1e3);
  return std::format("{:.2f} s", us / 1e6);
}

std::string count_text(double count) {
  const auto scaled = [](double value, const char* unit) {
    return std::format("{:.{}f} {}", value, value < 9.95 ? 2 : value < 99.5 ? 1 : 0, unit);
  };
  if (count < 1e3) return std::format("{:.0f}", count);
  if (count < 1e6) return scaled(count / 1e3, "k");
  if (count < 1e9) return scaled(count / 1e6, "M");
  return scaled(count / 1e9, "G");
}

std::string signed_number(double value, int digits) {
  const std::string text = std::format("{:.{}f}", std::abs(value), digits);
  if (text.find_first_not_of("0.") == std::string::npos) return "±" + text;
  return (value < 0 ? "−" : "+") + text;
}

std::string grouped(std::size_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string policy_title(const std::string& policy) {
  if (policy == "learned") return "learned router";
  return policy;
}

std::string shortened(const std::string& text, std::size_t columns) {
  if (display_width(text) <= columns) return text;
  std::size_t bytes = 0;
  while (true) {  // one column is the ellipsis's
    const std::size_t next = bytes + utf8_at(text, bytes).bytes;
    if (display_width(text.substr(0, next)) + 1 > columns) break;
    bytes = next;
  }
  return text.substr(0, bytes) + "…";
}

LatencyUnit latency_unit(double largest_us) {
  if (largest_us >= 1e4) return {1e3, "ms"};
  return {};
}

std::string script_head(const Picture& picture, const Theme& theme, const fs::path& output) {
  return std::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {},{} font 'DejaVu Sans,10' fontscale {} linewidth {} pointscale {} "
      "rounded background '{}'\n"
      "set output {}\n"
      "set border 3 lc rgb '{}' lw 0.8\n"
      "set tics nomirror out scale 0.5 textcolor rgb '{}'\n"
      "set grid lc rgb '{}' lt 1 lw 0.7\n"
      "set key textcolor rgb '{}' noenhanced\n"
      "set xlabel textcolor rgb '{}'\nset ylabel textcolor rgb '{}'\n"
      "set style textbox opaque noborder fillcolor rgb '{}' margins 0.6,0.6\n"
      "set errorbars small\n",
      picture.width * kPixelRatio, picture.height * kPixelRatio, kPixelRatio, kPixelRatio, kPixelRatio,
      theme.background, literal(fs::absolute(output).string()), theme.muted, theme.muted, theme.grid, theme.text,
      theme.text, theme.text, theme.background);
}

std::string panel_title(const Theme& theme, const std::string& title, const std::string& subtitle) {
  std::string script = std::format(
      "set label 901 {} at graph 0, graph 1 offset character 0,{} left font 'DejaVu Sans:Bold,12' textcolor "
      "rgb '{}' noenhanced\n",
      words(title), subtitle.empty() ? "1.1" : "2.2", theme.text);
  if (!subtitle.empty()) {
    script +=
        std::format("set label 902 {} at graph 0, graph 1 offset character 0,0.9 left textcolor rgb '{}' noenhanced\n",
                    words(subtitle), theme.muted);
  }
  return script;
}

}  // namespace triage::report
