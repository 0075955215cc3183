// Reliability diagrams, before and after temperature scaling; figures per class.
#include <algorithm>
#include <cmath>

#include "report/draw/draw.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

constexpr std::size_t kPanelsPerRow = 4;
constexpr std::size_t kClassCharacters = 15;  // of a class name beside its bar
constexpr std::size_t kFewImages = 20;        // bins with fewer are drawn pale: their accuracy says little

void reliability_panel(Script& script, const Theme& theme, const std::string& title, const std::string& color,
                       const Reliability& reliability, const std::string& id, bool labelled) {
  std::size_t largest = 1;
  for (const ReliabilityBin& bin : reliability.bins) largest = std::max(largest, bin.count);
  std::vector<std::vector<double>> bars, gaps, rare, dots;
  for (const ReliabilityBin& bin : reliability.bins) {
    if (bin.count == 0) continue;
    const double middle = 50 * (bin.low + bin.high), inset = 6 * (bin.high - bin.low);
    const double left = 100 * bin.low + inset, right = 100 * bin.high - inset;
    auto& solid = bin.count < kFewImages ? rare : bars;
    solid.push_back({middle, 0, left, right, 0, 100 * bin.accuracy});
    auto& gap = bin.count < kFewImages ? rare : gaps;
    gap.push_back({middle, 0, left, right, 100 * std::min(bin.accuracy, bin.confidence),
                   100 * std::max(bin.accuracy, bin.confidence)});
    dots.push_back({100 * bin.confidence, 100 * bin.accuracy,
                    0.35 + 1.5 * std::sqrt(static_cast<double>(bin.count) / static_cast<double>(largest))});
  }
  for (auto* rows : {&bars, &gaps, &rare, &dots}) {
    if (rows->empty()) rows->push_back({-9, -9, -9, -9, -9, -9});  // gnuplot refuses an empty block
  }
  script.block("bars" + id, bars).block("gaps" + id, gaps).block("rare" + id, rare).block("dots" + id, dots);
  script.raw("unset label\n")
      .raw(panel_title(theme, title, std::format("ECE {}", percent(reliability.ece, 2))))
      .add("set xrange [0:100]\nset yrange [0:100]\nset xtics 25\nset ytics 25")
      .add("set xlabel 'confidence (%)'")
      .add("set ylabel {}", labelled ? "'accuracy (%)'" : "''")
      .add("set format y {}", labelled ? "'%g'" : "''")
      .add("unset key\nset style fill solid 1 noborder")
      .plot({std::format("$bars{} using 1:2:3:4:5:6 with boxxyerror fs transparent solid 0.35 lc rgb '{}'", id, color),
             std::format("$gaps{} using 1:2:3:4:5:6 with boxxyerror fs transparent solid 0.45 lc rgb '{}'", id,
                         theme.bad),
             std::format("$rare{} using 1:2:3:4:5:6 with boxxyerror fs transparent solid 0.15 lc rgb '{}'", id,
                         theme.muted),
             std::format("x with lines lw 1.2 dt '_' lc rgb '{}'", theme.muted),
             std::format("$dots{} using 1:2:3 with points pt 7 ps variable lc rgb '{}'", id, color)});
}

}  // namespace

std::string draw_reliability(const Run& run, const Picture& picture, const Theme& theme) {
  const std::vector<Calibration>& calibration = run.results.test.calibration;
  const double w = picture.width, h = picture.height;
  const std::size_t panels = 2 * calibration.size();
  const std::size_t rows = (panels + kPanelsPerRow - 1) / kPanelsPerRow;
  const std::size_t columns = std::min(panels, kPanelsPerRow);
  const double cell_w = (w - 56) / static_cast<double>(columns), cell_h = h / static_cast<double>(rows);
  Script script;
  script.add("set multiplot");
  for (std::size_t i = 0; i < panels; ++i) {
    const Calibration& stage = calibration[i / 2];
    const auto found = std::ranges::find(run.results.plan.stages, stage.stage, &StageFigures::name);
    const std::string color =
        stage_color(theme, found - run.results.plan.stages.begin(), run.results.plan.stages.size());
    const std::size_t row = i / columns, column = i % columns;
    const double left = 62 + static_cast<double>(column) * cell_w, top = 62 + static_cast<double>(row) * cell_h;
    script.area(left, left + cell_w - 30, top, top + cell_h - 62 - 56, w, h);
    reliability_panel(script, theme,
                      i % 2 ? std::format("{}, T = {:.3f}", stage.stage, stage.temperature)
                            : std::format("{}, as trained", stage.stage),
                      color, i % 2 ? stage.after : stage.before, std::to_string(i), i % columns == 0);
  }
  return script.add("unset multiplot").text();
}

std::string draw_per_class(const Run& run, const Picture& picture, const Theme& theme) {
  std::vector<ClassFigures> classes = run.results.test.operating_point.per_class;
  std::ranges::stable_sort(classes, {}, &ClassFigures::escalation);  // the last one stands at the top
  const double w = picture.width, h = picture.height;
  Script script;
  std::vector<std::vector<double>> recall, escalation;  // of the classes that have images
  std::string tics;
  double lowest = 1, highest = 0, most = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const ClassFigures& one = classes[i];
    const auto row = static_cast<double>(i);
    if (one.recall && one.recall_interval && one.escalation) {
      const Interval& interval = *one.recall_interval;
      recall.push_back({100 * *one.recall, row, 100 * interval.low, 100 * interval.high});
      escalation.push_back({100 * *one.escalation, row});
      lowest = std::min(lowest, interval.low);
      highest = std::max(highest, interval.high);
      most = std::max(most, *one.escalation);
    }
    tics += std::format("{}{} {}", i ? ", " : "", tic_words(shortened(drawable(one.name), kClassCharacters)), i);
  }
  const OperatingPoint& chosen = run.results.test.operating_point;
  const double mean_escalation = run.results.test.escalation();
  const std::string color = policy_color(theme, chosen.policy);
  for (auto* rows : {&recall, &escalation}) {
    if (rows->empty()) rows->push_back({-9, -9, -9, -9});  // gnuplot refuses an empty block
  }
  script.block("recall", recall).block("escalation", escalation);
  const std::size_t numbers = classes.size() > 40 ? 0 : classes.size();  // in a column at the right, clear of the bars
  for (std::size_t i = 0; i < numbers; ++i) {
    const std::optional<double>& share = classes[i].escalation;
    script.add("set label {} '{}' at graph 0.985, first {} right textcolor rgb '{}'", i + 1,
               share ? std::format("{:.1f}", 100 * *share) : "–", i, theme.text);
  }
  script.add("set multiplot")
      .add("set yrange [-0.7:{}]\nset ytics ({}) scale 0 font 'DejaVu Sans,{}' textcolor rgb '{}'",
           static_cast<double>(classes.size()) - 0.3, tics, classes.size() > 40 ? 7 : 10, theme.text)
      .add("unset key\nunset grid\nset grid x lc rgb '{}' lt 1 lw 0.7", theme.grid)
      .area(148, w / 2 + 20, 62, h - 56, w, h)
      .raw(panel_title(theme, "Sent to a bigger net", std::format("dashed: all images, {}", percent(mean_escalation))))
      .add("set xrange [0:{}]\nset xlabel 'share of the class (%)'", 100 * (most * 1.18 + 0.001))
      .add("set arrow 1 from {0},graph 0 to {0},graph 1 nohead lw 1.2 dt '_' lc rgb '{1}' back", 100 * mean_escalation,
           theme.muted)
      .plot({std::format("$escalation using ($1/2):2:($1/2):(0.34) with boxxyerror fs solid 1 noborder lc rgb '{}'",
                         color)})
      .add("unset for [i=1:{}] label i", numbers)
      .add("set ytics format ''\nset ytics ({})",
           [&] {
             std::string blank;
             for (std::size_t i = 0; i < classes.size(); ++i) blank += std::format("{}'' {}", i ? ", " : "", i);
             return blank;
           }())
      .area(w / 2 + 60, w - 25, 62, h - 56, w, h)
      .raw(panel_title(theme, "Recall, with 95 % interval",
                       std::format("dashed: all images, {}", percent(chosen.accuracy))))
      .add("set xrange [{}:{}]\nset xlabel 'share of the class that is recognised (%)'",
           std::max(0.0, 100 * lowest - 2), std::min(100.9, 100 * highest + 1.5))
      .add("set arrow 1 from {0},graph 0 to {0},graph 1 nohead lw 1.2 dt '_' lc rgb '{1}' back", 100 * chosen.accuracy,
           theme.muted)
      .plot({std::format("$recall using 1:2:3:4 with xerrorbars pt 7 ps 1.3 lw 1.6 lc rgb '{}'", color)});
  return script.add("unset multiplot").text();
}

}  // namespace triage::report
