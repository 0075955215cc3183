// Accuracy against latency: every policy's curve, each net alone, and the chosen operating point.
#include <algorithm>
#include <cmath>

#include "report/draw/draw_policies.h"
#include "report/draw/figures.h"
#include "report/draw/gnuplot.h"

namespace triage::report {
namespace {

// APGR of every policy with a score, best first.
std::string apgr_line(const Evaluation& evaluation) {
  std::string line;
  for (const Policy* policy : by_merit(evaluation)) {
    if (policy->name == "random" || policy->name == "oracle") continue;
    if (policy->apgr.value)
      line += std::format("{} {} {:.3f}", line.empty() ? "APGR" : " ·", policy->name, *policy->apgr.value);
  }
  return line;
}

// Limits of everything the panel shows, in µs and percent.
void extent(const Evaluation& evaluation, Range& x, Range& y) {
  for (const Policy& policy : evaluation.policies) {
    for (const CurvePoint& point : policy.curve) {
      x.include(point.latency_us);
      y.include(100 * point.accuracy);
    }
  }
  for (const StaticNet& net : evaluation.static_nets) {
    x.include(net.latency_us);
    y.include(100 * evaluation.on_curve(net).interval.low);
    y.include(100 * evaluation.on_curve(net).interval.high);
  }
  x.include(evaluation.operating_point.latency_us);
  const Interval chosen = evaluation.on_curve(evaluation.operating_point).interval;
  y.include(100 * chosen.low);
  y.include(100 * chosen.high);
}

// Finds places for labels above points: above every routing curve within the label's width (curves rise and flatten,
// so above them is room up to the oracle), and above labels already placed there. All in axis units.
class LabelPlacer {
 public:
  LabelPlacer(const Evaluation& evaluation, const Range& x, const Range& y, double scale, double panel_px)
      : evaluation_(evaluation), x_(x), y_(y), scale_(scale), panel_px_(panel_px) {}

  struct Place {
    double x, y;  // the label's centre
  };
  Place above(double x, double lowest, const std::string& text) {
    const double half = static_cast<double>(text.size()) * kCharacterPx / 2 / panel_px_ * (x_.high - x_.low);
    const double center = std::clamp(x, x_.low + half, x_.high - half), line = 0.062 * (y_.high - y_.low);
    double y = lowest;
    for (const Policy& policy : evaluation_.policies) {
      if (policy.name == "oracle") continue;
      for (const CurvePoint& point : policy.curve) {
        if (std::abs(point.latency_us / scale_ - center) <= half) y = std::max(y, 100 * point.accuracy);
      }
    }
    y += 0.75 * line;
    for (const Box& box : placed_) {
      if (std::abs(box.x - center) < half + box.half && std::abs(box.y - y) < line) y = box.y + line;
    }
    placed_.push_back({center, y, half});
    return {center, y};
  }

 private:
  static constexpr double kCharacterPx = 8;
  struct Box {
    double x, y, half;
  };
  const Evaluation& evaluation_;
  Range x_, y_;
  double scale_, panel_px_;
  std::vector<Box> placed_;
};

// A net alone or the plan's operating point: a point with its interval and a label.
struct Marker {
  double latency_us, accuracy;
  Interval interval;
  std::string text, color;
  bool chosen;
};

std::vector<Marker> markers(const Results& results, const Evaluation& evaluation, const Theme& theme) {
  std::vector<Marker> list;
  for (const StaticNet& net : evaluation.static_nets) {
    const auto stage = std::ranges::find(results.plan.stages, net.stage, &StageFigures::name);
    const auto [accuracy, interval] = evaluation.on_curve(net);
    list.push_back({net.latency_us, accuracy, interval, std::format("{} alone {}", net.stage, percent(accuracy)),
                    stage_color(theme, stage - results.plan.stages.begin(), results.plan.stages.size()), false});
  }
  const OperatingPoint& chosen = evaluation.operating_point;
  const auto [accuracy, interval] = evaluation.on_curve(chosen);
  list.push_back({chosen.latency_us, accuracy, interval,
                  std::format("chosen: {} at {}", percent(accuracy, 2), duration_us(chosen.latency_us)),
                  policy_color(theme, chosen.policy), true});
  return list;
}

void accuracy_panel(Script& script, const Results& results, const Evaluation& evaluation, const Theme& theme,
                    const std::string& title, double panel_px) {
  Range x, y;
  extent(evaluation, x, y);
  const LatencyUnit unit = latency_unit(x.high);
  const Range shown_x = Range{x.low / unit.scale, x.high / unit.scale}.padded(0.05, 0.04);
  Range shown_y = y.padded(0.08, 0.06);
  const std::vector<Marker> marked = markers(results, evaluation, theme);
  const auto at_left_end = [&](const Marker& marker) {  // the curves rise from there; there is room below
    return marker.latency_us <= x.low + 0.12 * (x.high - x.low);
  };
  std::vector<LabelPlacer::Place> places(marked.size());
  for (int round = 0; round < 4; ++round) {  // labels may need more height, and their height depends on the range
    LabelPlacer placer(evaluation, shown_x, shown_y, unit.scale, panel_px);
    double highest = 0;
    for (std::size_t i = 0; i < marked.size(); ++i) {
      if (at_left_end(marked[i])) continue;
      places[i] = placer.above(marked[i].latency_us / unit.scale, 100 * marked[i].interval.high, marked[i].text);
      highest = std::max(highest, places[i].y);
    }
    shown_y.high = std::max(shown_y.high, highest + 0.05 * (shown_y.high - shown_y.low));
  }

  script.raw("unset label\nunset key\n")
      .raw(panel_title(theme, title, apgr_line(evaluation)))
      .raw(axes(shown_x, shown_y))
      .raw(percent_tics(shown_y))
      .add("set xlabel 'mean latency per image ({}), batch 1'", unit.name)
      .add("set ylabel '{}accuracy (%)'", evaluation.metric == plan::Metric::balanced ? "balanced " : "");
  std::vector<std::string> parts;
  for (const Policy* policy : drawing_order(evaluation)) {
    std::vector<std::vector<double>> rows;
    for (const CurvePoint& point : policy->curve) rows.push_back({point.latency_us / unit.scale, 100 * point.accuracy});
    script.block(policy->name, rows);
    parts.push_back(std::format("${} using 1:2 {}", policy->name, with_line(theme, policy->name)));
  }
  for (std::size_t i = 0; i < marked.size(); ++i) {
    const Marker& marker = marked[i];
    const int tag = static_cast<int>(i) + 1;
    const double px = marker.latency_us / unit.scale, low = 100 * marker.interval.low,
                 high = 100 * marker.interval.high;
    script.block(std::format("point{}", tag), {{px, 100 * marker.accuracy, low, high}});
    parts.push_back(std::format("$point{} using 1:2:3:4 with yerrorbars pt {} lw 1.4 lc rgb '{}'", tag,
                                marker.chosen ? "7 ps 2.0" : "5 ps 1.2", marker.color));
    if (marker.chosen) {
      parts.push_back(std::format("$point{} using 1:2 with points pt 7 ps 1.0 lc rgb '{}'", tag, theme.background));
    }
    if (at_left_end(marker)) {
      script.raw(boxed_label(tag, marker.text, px, low, "left", 0.8, 0, marker.color, marker.chosen));
      continue;
    }
    script.block(std::format("leader{}", tag), {{px, high}, {px, places[i].y - 0.022 * (shown_y.high - shown_y.low)}});
    parts.push_back(std::format("$leader{} using 1:2 with lines lw 1 dt '.' lc rgb '{}'", tag, marker.color));
    script.raw(boxed_label(tag, marker.text, places[i].x, places[i].y, "center", 0, 0, marker.color, marker.chosen));
  }
  script.plot(parts).add("set ytics autofreq");
}

}  // namespace

std::string draw_acc_vs_latency(const Run& run, const Picture& picture, const Theme& theme) {
  return one_or_two(run, picture, theme, 64, true,
                    [&](Script& script, const Evaluation& evaluation, const std::string& title, double panel_px) {
                      accuracy_panel(script, run.results, evaluation, theme, title, panel_px);
                    });
}

}  // namespace triage::report
