// The gain over random routing, and escalation against threshold.
#include <algorithm>
#include <cmath>

#include "report/draw/draw_policies.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

void gain_panel(Script& script, const Evaluation& evaluation, const Theme& theme, const std::string& title) {
  const Policy* random = evaluation.find_policy("random");
  double largest = 0;
  for (const Policy& policy : evaluation.policies) largest = std::max(largest, policy.curve.back().latency_us);
  const LatencyUnit unit = latency_unit(largest);
  Range x, y;
  y.include(0);
  std::vector<std::string> parts{std::format("0 {}", with_line(theme, "random"))};
  for (const Policy* policy : drawing_order(evaluation)) {
    if (policy->name == "random" || policy->name == "oracle") continue;
    std::vector<std::vector<double>> rows;
    for (const CurvePoint& point : policy->curve) {
      rows.push_back({point.latency_us / unit.scale, 100 * (point.accuracy - random->accuracy_at(point.latency_us))});
      x.include(rows.back()[0]);
      y.include(rows.back()[1]);
    }
    script.block(policy->name, rows);
    parts.push_back(std::format("${} using 1:2 {}", policy->name, with_line(theme, policy->name)));
  }
  script.raw("unset label\nunset key\n")
      .raw(panel_title(theme, title))
      .raw(axes(x.padded(0.02, 0.02), y.padded(0.06, 0.1)))
      .add("set xlabel 'mean latency per image ({}), batch 1'", unit.name)
      .add("set ylabel 'gain over random (points)'")
      .plot(parts);
}

}  // namespace

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
          std::format("with lines lw {} dt {} lc rgb '{}'", dashed ? 1.3 : line_width(policy->name),
                      dashed ? kShiftDash : "1", policy_color(theme, policy->name));
      parts.insert(parts.begin(), std::format("${}{} using 1:2 {}", policy->name, suffix, style));
      if (!dashed) keys.push_back(std::format("keyentry {} title {}", style, words(policy_title(policy->name))));
    }
  };
  add_curves(run.results.test, "", false);
  if (run.results.shift) {
    add_curves(*run.results.shift, "_shift", true);
    keys.push_back(std::format("keyentry with lines lw 1.3 dt {} lc rgb '{}' title {}", kShiftDash, theme.muted,
                               words("dashed: " + run.results.shift->dataset)));
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
           words(run.results.plan.stages.size() > 2 ? "threshold of the first exit"
                                                    : "threshold on the score (sent on while score > threshold)"))
      .add("set ylabel 'sent to a bigger net (%)'")
      .add("set key top right Left reverse samplen 2.6 spacing 1.25 opaque fillcolor rgb '{}' noautotitle",
           theme.background)
      .plot(parts)
      .text();
}

}  // namespace triage::report
