#include "report/draw/figures.h"

#include <algorithm>

#include "report/draw/gnuplot.h"

namespace triage::report {

std::vector<Drawing> drawings(const Run& run) {
  const Evaluation& test = run.results.test;
  std::vector<Drawing> list;
  const std::string shift = run.results.shift ? " The right panel shows the shifted images with the same plan." : "";
  list.push_back({{"acc_vs_latency", "Accuracy against latency",
                   "Every curve is one way to decide which images the bigger net sees, swept over its threshold: the "
                   "closer to the upper left, the better; bars are 95 % intervals." +
                       shift,
                   1120, 540},
                  draw_acc_vs_latency});
  if (test.find_policy("random") && (!run.results.shift || run.results.shift->find_policy("random"))) {
    list.push_back(
        {{"routing_gain", "What routing gains",
          "The same curves minus random routing at the same latency, in percentage points: the height is what "
          "choosing the right images is worth.",
          1120, 420},
         draw_routing_gain});
  }
  if (!test.policies.empty()) {
    list.push_back(
        {{"escalation_vs_threshold", "Escalation against threshold",
          "How many images are sent on when an image goes on while its score is above the threshold; a steep place "
          "is where a small change of the threshold moves the cost most.",
          1120, 460},
         draw_escalation_vs_threshold});
  }
  if (!test.calibration.empty()) {
    const int rows = static_cast<int>((2 * test.calibration.size() + 3) / 4);
    list.push_back({{"reliability", "Calibration",
                     "Bars show how often the net was right among answers of that confidence, red the gap to what it "
                     "claimed, the dot's size how many answers there were; a calibrated net lies on the dashed "
                     "diagonal. Grey bins "
                     "hold fewer than 20 answers.",
                     1120, 350 * rows},
                    draw_reliability});
  }
  if (!test.operating_point.per_class.empty()) {
    const int classes = static_cast<int>(test.operating_point.per_class.size());
    list.push_back(
        {{"per_class", "Class by class",
          "Classes sorted by how often the plan sends them on; hard classes should cost more, not be answered "
          "worse.",
          1120, 130 + classes * (classes > 40 ? 15 : 30)},
         draw_per_class});
  }
  if (std::ranges::any_of(run.stages, [](const StageDetails& stage) { return stage.measured.has_value(); })) {
    const int stages = static_cast<int>(run.results.plan.stages.size());
    list.push_back(
        {{"latency", "Latency percentiles",
          "Each bar runs from the fastest run to the 90th (dark) and 95th percentile (light), the thin line to "
          "the 99th, the mark is the median.",
          1120, 130 + 85 * stages},
         draw_latency});
  }
  if (!run.training.empty()) {
    list.push_back(
        {{"training", "Training",
          "Loss on the training images and accuracy on the validation images, as training went on.", 1120, 400},
         draw_training});
  }
  return list;
}

std::string render(const Run& run, const Drawing& drawing, const Theme& theme, const fs::path& path) {
  AtomicFile file(path);
  try {
    run_gnuplot(script_head(drawing.picture, theme, file.temporary()) + drawing.body(run, drawing.picture, theme) +
                "unset output\n");
    const std::string png = read_file(file.temporary());
    png_size(png, path.string());
    file.commit();
    return png;
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace triage::report
