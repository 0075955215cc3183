// Training curves and latency percentiles.
#include <algorithm>
#include <cmath>
#include <map>

#include "report/draw/draw.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

std::vector<std::string> trained_stages(const Run& run) {
  std::vector<std::string> names;
  for (const TrainingStep& step : run.training) {
    if (std::ranges::find(names, step.stage) == names.end()) names.push_back(step.stage);
  }
  return names;
}

// In the plan's order of stages; what is trained beside them (a router) in grey.
std::string color_of(const Run& run, const Theme& theme, const std::string& stage) {
  const auto found = std::ranges::find(run.results.plan.stages, stage, &StageFigures::name);
  if (found == run.results.plan.stages.end()) return theme.muted;
  return stage_color(theme, found - run.results.plan.stages.begin(), run.results.plan.stages.size());
}

struct TrainingPanel {
  std::string title, y_label, unit;
  std::optional<double> TrainingStep::* field;
  double factor;
  int digits;
};

struct TrainingCurve {
  std::string stage;
  std::vector<std::vector<double>> rows;  // epoch, value
  double label_y = 0;
};

std::vector<TrainingCurve> training_curves(const Run& run, const TrainingPanel& panel) {
  std::vector<TrainingCurve> curves;
  for (const std::string& stage : trained_stages(run)) {
    std::int64_t last_step = 0, last_epoch = 0;
    for (const TrainingStep& step : run.training) {
      if (step.stage != stage) continue;
      last_step = std::max(last_step, step.step);
      last_epoch = std::max(last_epoch, step.epoch);
    }
    if (last_step <= 0 || last_epoch <= 0) continue;
    TrainingCurve curve{.stage = stage};
    for (const TrainingStep& step : run.training) {
      const std::optional<double>& value = step.*panel.field;
      if (step.stage == stage && value) {  // several lines in one epoch stand at fractions of it
        curve.rows.push_back(
            {static_cast<double>(step.step) / static_cast<double>(last_step) * static_cast<double>(last_epoch),
             panel.factor * *value});
      }
    }
    if (!curve.rows.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

void training_panel(Script& script, const Run& run, const Theme& theme, const TrainingPanel& panel, int id) {
  std::vector<TrainingCurve> curves = training_curves(run, panel);
  if (curves.empty()) return;
  double low = 1e300, high = -1e300, last = 0;
  for (const TrainingCurve& curve : curves) {
    for (std::size_t i = curve.rows.size() > 8 ? curve.rows.size() / 8 : 0; i < curve.rows.size(); ++i) {
      low = std::min(low, curve.rows[i][1]);  // the first steps lie far off and would flatten the rest
      high = std::max(high, curve.rows[i][1]);
    }
    last = std::max(last, curve.rows.back()[0]);
  }
  const double span = std::max(high - low, 1e-6);
  // Labels stand behind the curves' ends, pushed apart where they would touch.
  std::ranges::sort(curves, {}, [](const TrainingCurve& curve) { return curve.rows.back()[1]; });
  for (std::size_t i = 0; i < curves.size(); ++i) {
    curves[i].label_y = curves[i].rows.back()[1];
    if (i) curves[i].label_y = std::max(curves[i].label_y, curves[i - 1].label_y + 0.075 * span);
  }
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const TrainingCurve& curve = curves[i];
    const std::string name = std::format("p{}_{}", id, i), color = color_of(run, theme, curve.stage);
    script.block(name, curve.rows).block("last" + name, {curve.rows.back()});
    parts.push_back(std::format("${} using 1:2 with lines lw 2.2 lc rgb '{}'", name, color));
    parts.push_back(std::format("$last{} using 1:2 with points pt 7 ps 1.0 lc rgb '{}'", name, color));
    const std::string text = std::format("{} {:.{}f}{}", curve.stage, curve.rows.back()[1], panel.digits, panel.unit);
    script.add("set label {} {} at {:.9g},{:.9g} left offset character 0.9,0 textcolor rgb '{}' noenhanced", i + 1,
               words(text), curve.rows.back()[0], curve.label_y, color);
  }
  script.raw(panel_title(theme, panel.title))
      .add("set xrange [0:{:.9g}]\nset xlabel 'epoch'\nset ylabel {}", 1.3 * last, words(panel.y_label))
      .add("set yrange [{:.9g}:{:.9g}]\nunset key", std::max(0.0, low - 0.06 * span), high + 0.1 * span)
      .plot(parts)
      .add("unset label");
}

}  // namespace

std::string draw_training(const Run& run, const Picture& picture, const Theme& theme) {
  const double w = picture.width, h = picture.height;
  Script script;
  script.add("set multiplot").area(82, w / 2 - 15, 48, h - 56, w, h);
  training_panel(script, run, theme, {"Training loss", "loss", "", &TrainingStep::loss, 1, 3}, 1);
  script.area(w / 2 + 82, w - 20, 48, h - 56, w, h);
  training_panel(script, run, theme,
                 {"Validation accuracy", "accuracy (%)", " %", &TrainingStep::validation_accuracy, 100, 2}, 2);
  return script.add("unset multiplot").text();
}

std::string draw_latency(const Run& run, const Picture& picture, const Theme& theme) {
  const double w = picture.width, h = picture.height;
  Script script;
  std::string tics;
  std::vector<std::string> parts;
  double largest = 0;
  for (const StageDetails& stage : run.stages) {
    if (stage.measured) largest = std::max(largest, stage.measured->latency_us.p99);
  }
  const LatencyUnit unit = latency_unit(largest);
  int row = 0;
  for (std::size_t i = run.stages.size(); i-- > 0;) {  // the first stage at the top
    if (!run.stages[i].measured) continue;
    const Summary& s = run.stages[i].measured->latency_us;
    const auto at = [&](double us) { return us / unit.scale; };
    const std::string color = stage_color(theme, i, run.results.plan.stages.size());
    tics += std::format("{}{} {}", row ? ", " : "", tic_words(run.results.plan.stages[i].name), row);
    script.block(std::format("s{}", row),
                 {{at(s.min), at(s.median), at(s.p90), at(s.p95), at(s.p99), static_cast<double>(row)}});
    parts.push_back(std::format(
        "$s{} using 5:6:1:5:($6-0.02):($6+0.02) with boxxyerror fs solid 1 noborder lc rgb '{}' notitle", row, color));
    parts.push_back(
        std::format("$s{} using 2:6:1:4:($6-0.13):($6+0.13) with boxxyerror fs solid 0.45 noborder lc rgb '{}' notitle",
                    row, color));
    parts.push_back(
        std::format("$s{} using 2:6:1:3:($6-0.13):($6+0.13) with boxxyerror fs solid 0.8 noborder lc rgb '{}' notitle",
                    row, color));
    parts.push_back(
        std::format("$s{} using 2:6:(0):(0.2) with xyerrorbars pt 0 ps 0 lw 3 lc rgb '{}' notitle", row, theme.text));
    const bool flip = s.min > 0.5 * largest;
    script.add("set label {} {} at {:.9g},{} {} offset character 0,1.9 textcolor rgb '{}' noenhanced", row + 1,
               words(std::format("median {}   p90 {}   p95 {}   p99 {}", duration_us(s.median), duration_us(s.p90),
                                 duration_us(s.p95), duration_us(s.p99))),
               flip ? 1.04 * largest / unit.scale : at(s.min), row, flip ? "right" : "left", theme.text);
    ++row;
  }
  return script.raw(panel_title(theme, "Latency of each stage, one image at a time"))
      .area(110, w - 25, 48, h - 56, w, h)
      .add("set xrange [0:{:.9g}]\nset yrange [-0.5:{}]\nset ytics ({}) scale 0 textcolor rgb '{}'",
           largest / unit.scale * 1.06, row - 0.35, tics, theme.text)
      .add("set xlabel 'latency ({})'\nunset ylabel\nunset key\nunset grid\nset grid x lc rgb '{}' lt 1 lw 0.7",
           unit.name, theme.grid)
      .plot(parts)
      .text();
}

}  // namespace triage::report
