// What imported nets cost on this machine.
#pragma once

#include <span>

#include "core/context.h"
#include "data/held_images.h"
#include "measure/stages/stages.h"
#include "plan/plan.h"

namespace triage::workflow {

// The first of some images, at most `count`, in memory. The data set outlives it.
class MeasuredImages {
 public:
  MeasuredImages(const data::Dataset& dataset, std::span<const std::uint32_t> images, std::size_t count);
  MeasuredImages(const MeasuredImages&) = delete;
  measure::Images get() const { return held_.views(); }

 private:
  data::HeldImages held_;
};

struct NetMeasuring {
  double seconds = 2;  // timed runs of each net
  int threads = 1;     // of the engine
  Context context;
};

// Measures every stage of the plan, whose files lie in `directory`, in turns on some of the images; sets their costs
// and writes costs.json there. What was disturbed is said. Throws Error, Interrupted.
void measure_nets(plan::Plan& plan, const fs::path& directory, const data::Dataset& dataset,
                  std::span<const std::uint32_t> images, const NetMeasuring& choice);

}  // namespace triage::workflow
