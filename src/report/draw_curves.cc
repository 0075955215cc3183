// Accuracy against latency, the gain over random routing, and escalation against threshold.
#include <algorithm>
#include <cmath>

#include "report/draw.h"
#include "report/figures.h"
#include "report/gnuplot.h"

namespace triage::report {
namespace {

constexpr double kLeft = 78;  // CSS pixels for tick labels and axis title
constexpr const char* kShiftDash = "'-'";

struct LineStyle {
  double width;
  const char* dash;
};
LineStyle line_style(const std::string& policy) {
  if (policy == "learned") return {3.0, "1"};
  if (policy == "random") return {1.6, "'_'"};
  if (policy == "oracle") return {1.4, "'-.'"};
  return {1.8, "1"};
}

std::string with_line(const Theme& theme, const std::string& policy) {
  const LineStyle style = line_style(policy);
  return std::format("with lines lw {} dt {} lc rgb '{}'", style.width, style.dash, policy_color(theme, policy));
}

// Best first; the oracle opens and random closes the list.
std::vector<const Policy*> by_merit(const Evaluation& evaluation) {
  std::vector<const Policy*> policies;
  for (const Policy& policy : evaluation.policies) policies.push_back(&policy);
  const auto rank = [](const Policy* policy) {
    return policy->name == "oracle" ? 0 : policy->name == "random" ? 2 : 1;
  };
  std::ranges::stable_sort(policies, [&](const Policy* a, const Policy* b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a->apgr > b->apgr;
  });
  return policies;
}

double interpolate(const std::vector<CurvePoint>& curve, double latency_us) {
  const auto above = std::ranges::lower_bound(curve, latency_us, {}, &CurvePoint::latency_us);
  if (above == curve.begin()) return curve.front().accuracy;
  if (above == curve.end()) return curve.back().accuracy;
  const CurvePoint &a = *std::prev(above), &b = *above;
  const double t = (latency_us - a.latency_us) / std::max(b.latency_us - a.latency_us, 1e-12);
  return std::lerp(a.accuracy, b.accuracy, t);
}

struct Range {
  double low = 1e300, high = -1e300;
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  Range padded(double below, double above) const {
    const double span = high > low ? high - low : std::max(std::abs(high), 1.0);
    return {low - below * span, high + above * span};
  }
};

std::string axes(const Range& x, const Range& y) {
  return std::format("set xrange [{:.9g}:{:.9g}]\nset yrange [{:.9g}:{:.9g}]\n", x.low, x.high, y.low, y.high);
}

// One row of keys across the picture, in a panel of its own below the others.
void legend(Script& script, const std::vector<std::string>& keys, const Picture& picture) {
  const double w = picture.width, h = picture.height;
  std::vector<std::string> parts{"NaN notitle"};
  parts.insert(parts.end(), keys.begin(), keys.end());
  script.area(10, w - 10, h - 30, h - 4, w, h)
      .add("unset label\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset grid")
      .add("set xrange [0:1]\nset yrange [0:1]")
      .add("set key center center horizontal maxrows 1 Left reverse samplen 2.2 width 0 noautotitle")
      .plot(parts);
}

std::vector<std::string> keys_of(const Evaluation& evaluation, const Theme& theme, bool with_oracle) {
  std::vector<std::string> keys;
  for (const Policy* policy : by_merit(evaluation)) {
    if (policy->name == "oracle" && !with_oracle) continue;
    keys.push_back(
        std::format("keyentry {} title {}", with_line(theme, policy->name), literal(policy_title(policy->name))));
  }
  return keys;
}

// A label whose background hides the lines below it.
std::string boxed_label(int tag, const std::string& text, double x, double y, const char* align, double dx, double dy,
                        const std::string& color, bool bold = false) {
  return std::format(
      "set label {} {} at {:.9g},{:.9g} {} offset character {},{} front boxed textcolor rgb '{}'{} noenhanced\n", tag,
      literal(text), x, y, align, dx, dy, color, bold ? " font 'DejaVu Sans:Bold,10'" : "");
}

// APGR of every policy with a score, best first.
std::string apgr_line(const Evaluation& evaluation) {
  std::string line;
  for (const Policy* policy : by_merit(evaluation)) {
    if (policy->name == "random" || policy->name == "oracle") continue;
    if (policy->apgr) line += std::format("{} {} {:.3f}", line.empty() ? "APGR" : " ·", policy->name, *policy->apgr);
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
    y.include(100 * net.interval.low);
    y.include(100 * net.interval.high);
  }
  x.include(evaluation.operating_point.latency_us);
  y.include(100 * evaluation.operating_point.interval.low);
  y.include(100 * evaluation.operating_point.interval.high);
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

void accuracy_panel(Script& script, const Results& results, const Evaluation& evaluation, const Theme& theme,
                    const std::string& title, double panel_px) {
  Range x, y;
  extent(evaluation, x, y);
  const LatencyUnit unit = latency_unit(x.high);
  const Range shown_y = y.padded(0.08, 0.06);
  const Range shown_x = Range{x.low / unit.scale, x.high / unit.scale}.padded(0.05, 0.04);
  script.raw("unset label\nunset key\n")
      .raw(panel_title(theme, title, apgr_line(evaluation)))
      .raw(axes(shown_x, shown_y))
      .add("set xlabel 'mean latency per image ({}), batch 1'", unit.name)
      .add("set ylabel 'accuracy (%)'");

  std::vector<std::string> parts;
  const std::vector<const Policy*> order = by_merit(evaluation);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {  // the best on top
    std::vector<std::vector<double>> rows;
    for (const CurvePoint& point : (*it)->curve) rows.push_back({point.latency_us / unit.scale, 100 * point.accuracy});
    script.block((*it)->name, rows);
    parts.push_back(std::format("${} using 1:2 {}", (*it)->name, with_line(theme, (*it)->name)));
  }

  LabelPlacer placer(evaluation, shown_x, shown_y, unit.scale, panel_px);
  int tag = 0;
  const auto add_point = [&](double latency_us, double accuracy, const Interval& interval, const std::string& text,
                             const std::string& color, bool chosen) {
    const double px = latency_us / unit.scale, low = 100 * interval.low, high = 100 * interval.high;
    const std::string name = std::format("point{}", ++tag);
    script.block(name, {{px, 100 * accuracy, low, high}});
    parts.push_back(std::format("${} using 1:2:3:4 with yerrorbars pt {} lw 1.4 lc rgb '{}'", name,
                                chosen ? "7 ps 2.0" : "5 ps 1.2", color));
    if (chosen)
      parts.push_back(std::format("${} using 1:2 with points pt 7 ps 1.0 lc rgb '{}'", name, theme.background));
    if (latency_us <= x.low + 0.12 * (x.high - x.low)) {  // at the left end the curves rise; there is room below
      script.raw(boxed_label(tag, text, px, low, "left", 0.8, 0, color, chosen));
      return;
    }
    const auto place = placer.above(px, high, text);
    script.block("leader" + name, {{px, high}, {px, place.y - 0.022 * (shown_y.high - shown_y.low)}});
    parts.push_back(std::format("$leader{} using 1:2 with lines lw 1 dt '.' lc rgb '{}'", name, color));
    script.raw(boxed_label(tag, text, place.x, place.y, "center", 0, 0, color, chosen));
  };
  for (const StaticNet& net : evaluation.static_nets) {
    const auto stage = std::ranges::find(results.stages, net.stage, &StageInfo::name);
    add_point(net.latency_us, net.accuracy, net.interval, std::format("{} alone {}", net.stage, percent(net.accuracy)),
              stage_color(theme, stage - results.stages.begin(), results.stages.size()), false);
  }
  const OperatingPoint& chosen = evaluation.operating_point;
  add_point(chosen.latency_us, chosen.accuracy, chosen.interval,
            std::format("chosen: {} at {}", percent(chosen.accuracy, 2), duration_us(chosen.latency_us)),
            policy_color(theme, chosen.policy), true);
  script.plot(parts);
}

void gain_panel(Script& script, const Evaluation& evaluation, const Theme& theme, const std::string& title) {
  const Policy* random = evaluation.find_policy("random");
  std::vector<const Policy*> order;
  double largest = 0;
  for (const Policy* policy : by_merit(evaluation)) {
    if (policy->name == "random" || policy->name == "oracle") continue;
    order.push_back(policy);
    largest = std::max(largest, policy->curve.back().latency_us);
  }
  const LatencyUnit unit = latency_unit(largest);
  Range x, y;
  y.include(0);
  std::vector<std::string> parts{std::format("0 {}", with_line(theme, "random"))};
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    std::vector<std::vector<double>> rows;
    for (const CurvePoint& point : (*it)->curve) {
      rows.push_back(
          {point.latency_us / unit.scale, 100 * (point.accuracy - interpolate(random->curve, point.latency_us))});
      x.include(rows.back()[0]);
      y.include(rows.back()[1]);
    }
    script.block((*it)->name, rows);
    parts.push_back(std::format("${} using 1:2 {}", (*it)->name, with_line(theme, (*it)->name)));
  }
  script.raw("unset label\nunset key\n")
      .raw(panel_title(theme, title))
      .raw(axes(x.padded(0.02, 0.02), y.padded(0.06, 0.1)))
      .add("set xlabel 'mean latency per image ({}), batch 1'", unit.name)
      .add("set ylabel 'gain over random (points)'")
      .plot(parts);
}

// One panel over the whole picture, or two side by side when there is a shifted data set; the legend below.
template <class Panel>
std::string one_or_two(const Run& run, const Picture& picture, const Theme& theme, double top, bool with_oracle,
                       Panel panel) {
  const double w = picture.width, h = picture.height, bottom = h - 88;
  const Evaluation& test = run.results.test;
  const auto name = [](const char* kind, const Evaluation& evaluation) {
    return std::format("{}: {}, {} images", kind, evaluation.dataset, grouped(evaluation.count));
  };
  const double split = run.results.shift ? w / 2 - 15 : w - 20;
  Script script;
  script.add("set multiplot").area(kLeft, split, top, bottom, w, h);
  panel(script, test, name("Test", test), split - kLeft);
  if (run.results.shift) {
    script.area(w / 2 + kLeft, w - 15, top, bottom, w, h);
    panel(script, *run.results.shift, name("Shifted", *run.results.shift), w / 2 - kLeft - 15);
  }
  legend(script, keys_of(test, theme, with_oracle), picture);
  return script.add("unset multiplot").text();
}

}  // namespace

std::string draw_acc_vs_latency(const Run& run, const Picture& picture, const Theme& theme) {
  return one_or_two(run, picture, theme, 64, true,
                    [&](Script& script, const Evaluation& evaluation, const std::string& title, double panel_px) {
                      accuracy_panel(script, run.results, evaluation, theme, title, panel_px);
                    });
}

std::string draw_routing_gain(const Run& run, const Picture& picture, const Theme& theme) {
  return one_or_two(run, picture, theme, 46, false,
                    [&](Script& script, const Evaluation& evaluation, const std::string& title, double) {
                      gain_panel(script, evaluation, theme, title);
                    });
}

std::string draw_escalation_vs_threshold(const Run& run, const Picture& picture, const Theme& theme) {
  const double w = picture.width, h = picture.height;
  Script script;
  std::vector<std::string> parts, keys;
  std::vector<std::vector<std::vector<double>>> all;
  const auto add_curves = [&](const Evaluation& evaluation, const std::string& suffix, bool dashed) {
    for (const Policy* policy : by_merit(evaluation)) {
      if (policy->name == "random" || policy->name == "oracle") continue;
      std::vector<std::vector<double>> rows;
      for (const CurvePoint& point : policy->curve) {
        if (!point.thresholds.empty())
          rows.push_back({std::clamp(point.thresholds.front(), 0.0, 1.0), 100 * point.escalation});
      }
      if (rows.empty()) continue;
      std::ranges::sort(rows);
      script.block(policy->name + suffix, rows);
      all.push_back(rows);
      const std::string style =
          std::format("with lines lw {} dt {} lc rgb '{}'", dashed ? 1.3 : line_style(policy->name).width,
                      dashed ? kShiftDash : "1", policy_color(theme, policy->name));
      parts.insert(parts.begin(), std::format("${}{} using 1:2 {}", policy->name, suffix, style));
      if (!dashed) keys.push_back(std::format("keyentry {} title {}", style, literal(policy_title(policy->name))));
    }
  };
  add_curves(run.results.test, "", false);
  if (run.results.shift) {
    add_curves(*run.results.shift, "_shift", true);
    keys.push_back(std::format("keyentry with lines lw 1.3 dt {} lc rgb '{}' title {}", kShiftDash, theme.muted,
                               literal("dashed: " + run.results.shift->dataset)));
  }
  const OperatingPoint& chosen = run.results.test.operating_point;
  if (!chosen.thresholds.empty()) {
    const double x = std::clamp(chosen.thresholds.front(), 0.0, 1.0), y = 100 * run.results.test.escalation();
    const std::string color = policy_color(theme, chosen.policy);
    script.block("chosen", {{x, y}});
    // Curves fall to the right: what lies above the highest one at the label's left end is free.
    const bool flip = x > 0.62;
    double free_y = y;
    for (const auto& rows : all) {
      for (const auto& row : rows) {
        if (row[0] >= (flip ? x - 0.36 : x)) free_y = std::max(free_y, row[1]);
      }
    }
    free_y = std::min(free_y + 8, 96.0);
    script.block("leader", {{x, 0}, {x, free_y - 2.5}});
    parts.push_back(std::format("$leader using 1:2 with lines lw 1.2 dt '.' lc rgb '{}'", color));
    parts.push_back(std::format("$chosen using 1:2 with points pt 7 ps 2.0 lc rgb '{}'", color));
    parts.push_back(std::format("$chosen using 1:2 with points pt 7 ps 1.0 lc rgb '{}'", theme.background));
    script.raw(boxed_label(1,
                           std::format("chosen: threshold {:.3f}, {} sent on", chosen.thresholds.front(),
                                       percent(run.results.test.escalation())),
                           x, free_y, flip ? "right" : "left", flip ? 1.5 : -1.5, 0, color, true));
  }
  parts.insert(parts.end(), keys.begin(), keys.end());
  return script
      .raw(panel_title(theme, std::format("Share of images sent on, by threshold: {}", run.results.test.dataset)))
      .area(70, w - 20, 48, h - 62, w, h)
      .add("set xrange [0:1]\nset yrange [0:100]\nset ytics 20")
      .add("set xlabel {}",
           literal(run.results.stages.size() > 2 ? "threshold of the first exit"
                                                 : "threshold on the score (sent on while score > threshold)"))
      .add("set ylabel 'sent to a bigger net (%)'")
      .add("set key top right Left reverse samplen 2.6 spacing 1.25 opaque fillcolor rgb '{}' noautotitle",
           theme.background)
      .plot(parts)
      .text();
}

}  // namespace triage::report
