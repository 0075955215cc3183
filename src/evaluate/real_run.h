// The plan run for real, one image at a time: measured mean latency against the prediction, and whether every image
// leaves where the offline table said. Why it is measured this way: docs/measuring.md.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/held_images.h"
#include "engine/names.h"
#include "plan/plan.h"
#include "results/figures.h"
#include "triage/classifier.h"

namespace triage::evaluate {

struct RealRunOptions {
  std::size_t images = 4096;           // through the plan, and through each forced path
  std::size_t window = 64;             // images in a row with one setting, then the next setting takes the same images
  std::size_t warm_up = 256;           // of each setting, not counted
  std::uint64_t seed = 1;              // order of the images
  std::string engine = engine::kAuto;  // of the measured run, as ClassifierOptions::engine
};

constexpr double kSteady = 0.1;     // of the mean: what two halves of the images may differ by
constexpr const char* kDisturbed =  // a person hears where they differ by more
    "the machine was disturbed while the plan ran: earlier and later images differ by more than 10 % in time; measured "
    "latencies may be off";

struct Expected {  // by the table, per image of the split
  std::uint8_t exit = 0;
  Label label = 0;
};

// Classifies image `row` of the split: calls are timed from outside. Throws Error on failure.
using ClassifyRow = std::function<Expected(std::uint32_t row)>;

// The images of a split for runs that are timed: those that the options take, decoded. Fewer where they would not fit
// into half a GiB; `options.images` is then less, too. The data set outlives it.
class SplitImages {
 public:
  SplitImages(const data::Dataset& dataset, std::span<const std::uint32_t> indices, RealRunOptions& options);
  const ImageView& row(std::uint32_t row) const { return held_->views()[at_[row]]; }

 private:
  std::vector<std::uint32_t> at_;  // [split] its place among the held ones
  std::optional<data::HeldImages> held_;
};

// Runs `classifier` on row `row` of the split. Both are kept by the caller.
ClassifyRow row_classifier(const Classifier& classifier, const SplitImages& images);
double steady_us();  // monotonic

struct TurnTimes {  // of a call of one setting, us
  double mean = 0;
  std::array<double, 2> half{};  // means of the earlier and the later images; with one image the first is 0
};

// All settings take the same images of a split of `split`, window by window in turns. said gets every answer that
// counts.
std::vector<TurnTimes> times_in_turns(
    std::span<const ClassifyRow> settings, std::size_t split, const std::function<double()>& now_us,
    const RealRunOptions& options,
    const std::function<void(std::size_t setting, std::uint32_t row, const Expected& outcome)>& said = {});

// The measuring itself. forced[k]: leaves every image at exit k. expected: one per row. now_us: a clock. The stored_*
// fields and the engine are left to run_plan().
results::RealRun measure(const ClassifyRow& plan, std::span<const ClassifyRow> forced,
                         std::span<const Expected> expected, const std::function<double()>& now_us,
                         const RealRunOptions& options);

// Loads the plan directory through the public runtime (one thread) and measures it on the images `indices`.
results::RealRun run_plan(const std::string& directory, const plan::Plan& plan, const data::Dataset& dataset,
                          std::span<const std::uint32_t> indices, std::span<const Expected> expected,
                          const RealRunOptions& options);

// What stage by stage differences of the paths say of each stage alone: itself and the chain of sources it reads.
std::vector<double> alone_from_paths(const plan::Plan& plan, std::span<const double> path_us);

}  // namespace triage::evaluate
