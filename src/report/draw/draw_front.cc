#include <algorithm>
#include <array>

#include "core/error.h"
#include "report/draw/draw_policies.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"
#include "report/front.h"

namespace triage::report {
namespace {

// Okabe and Ito's colours (2008), which colour-blind readers can tell apart, and greys.
constexpr std::array kLineColors{"#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#f0e442",
                                 "#0072b2", "#d55e00", "#999999", "#333333"};

std::vector<std::vector<double>> rows_of(const std::vector<FrontPicture::Point>& points, Range& x, Range& y) {
  std::vector<std::vector<double>> rows;
  for (const FrontPicture::Point& point : points) {
    rows.push_back({point.cost, 100 * point.accuracy});
    x.include(rows.back()[0]);
    y.include(rows.back()[1]);
  }
  return rows;
}

std::string front_body(const FrontPicture& front, const Picture& picture, const Theme& theme) {
  Range x, y, ignored;
  Script script;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < front.singles.size(); ++i) {
    const FrontPicture::Series& alone = front.singles[i];
    if (alone.points.empty()) continue;
    script.block(std::format("singles{}", i), rows_of(alone.points, x, ignored));
    parts.push_back(std::format("$singles{} with points pt {} ps 0.4 lc rgb '{}' title {}", i, i == 0 ? 7 : 6,
                                i == 0 ? theme.grid : theme.muted,
                                words(grouped(alone.points.size()) + " nets alone" + alone.title)));
  }
  for (std::size_t i = 0; i < front.curves.size(); ++i) {
    script.block(std::format("curve{}", i), rows_of(front.curves[i].points, x, y));
    parts.push_back(std::format("$curve{} with lines lw 1.8 dt '{}' lc rgb '{}' title {}", i, i % 2 ? "-" : ".",
                                theme.muted, words(front.curves[i].title)));
  }
  if (!front.infeasible.empty()) {
    script.block("infeasible", rows_of(front.infeasible, x, ignored));
    parts.push_back(std::format("$infeasible with points pt 2 ps 0.8 lw 1.4 lc rgb '{}' title {}", theme.bad,
                                words("break a budget")));
  }
  for (std::size_t i = 0; i < front.plans.size(); ++i) {
    if (front.plans[i].points.empty()) continue;
    script.block(std::format("plans{}", i), rows_of(front.plans[i].points, x, y));
    parts.push_back(std::format("$plans{} with points pt {} ps 1.2 lc rgb '{}' title {}", i, 5 + 2 * i,
                                stage_color(theme, i, front.plans.size()), words(front.plans[i].title)));
  }
  for (std::size_t i = 0; i < front.lines.size(); ++i) {
    script.block(std::format("line{}", i), rows_of(front.lines[i].points, x, y));
    parts.push_back(std::format("$line{} with linespoints pt {} ps 0.7 lw {} lc rgb '{}' title {}", i, 4 + i,
                                i == 0 ? 3 : 1.6, kLineColors[i % kLineColors.size()], words(front.lines[i].title)));
  }
  const double w = picture.width, h = picture.height;
  y = y.padded(0.08, 0.08);
  script.area(82, w - 24, 48, h - 60, w, h)
      .raw(panel_title(theme, picture.title))
      .raw(axes({x.low / 1.08, x.high * 1.08}, y))
      .add("set logscale x\nset xlabel {}\nset ylabel {}", words(front.cost_title), words(front.accuracy_title))
      .add("set xtics auto\nset key bottom right Left reverse samplen 1.5")
      .plot(parts);
  return script.text();
}

}  // namespace

void draw_front(const FrontPicture& front, const fs::path& path) {
  const bool no_singles = std::ranges::all_of(front.singles, [](const auto& alone) { return alone.points.empty(); });
  if (no_singles && front.plans.empty() && front.lines.empty())
    fail("{}: expected plans to draw, found none", path.string());
  Drawing drawing;
  drawing.picture = {.name = "front", .title = front.title};
  drawing.body = [&](const Run&, const Picture& picture, const Theme& theme) {
    return front_body(front, picture, theme);
  };
  render(Run{}, drawing, light_theme(), path);
}

}  // namespace triage::report
