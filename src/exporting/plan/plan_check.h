// Whether a composed plan.onnx decides like the runtime: both classify the same images, one by one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "exporting/graph_builder.h"
#include "triage/classifier.h"

namespace triage::exporting {

struct PlanCheckOptions {
  double tolerance = 1e-4;  // of the label's probability
  double border = 1e-5;     // of a score around its threshold: two engines may round to different sides there
};

struct PlanCheck {
  std::size_t images = 0;
  std::vector<std::size_t> exits;             // images per exit, by plan.onnx
  std::size_t on_border = 0;                  // left at different exits with a score within `border` of the threshold
  std::size_t exit_disagreements = 0;         // the others that left at different exits
  std::size_t label_disagreements = 0;        // same exit, another label
  std::size_t probability_disagreements = 0;  // same exit and label, a probability outside the tolerance
  double max_probability_error = 0;           // over images of the same exit and label
  std::string first;                          // the first disagreement: image, found and expected; empty when ok
  bool ok() const { return exit_disagreements + label_disagreements + probability_disagreements == 0; }
};
Json to_json(const PlanCheck& check);

// model: what compose_plan made of the directory. At least one image, as the plan takes them. Throws Error where one
// of the two cannot run.
PlanCheck check_plan_model(const onnx::ModelProto& model, const fs::path& plan_directory,
                           std::span<const ImageView> images, const PlanCheckOptions& options = {});

}  // namespace triage::exporting
