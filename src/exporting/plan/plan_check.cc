#include "exporting/plan/plan_check.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "engine/names.h"
#include "exporting/onnx_engine.h"
#include "plan/plan.h"
#include "runtime/convert.h"
#include "runtime/score.h"

namespace triage::exporting {
namespace {

// What the model answers for an image, whichever input it has.
std::function<NamedOutputs(const ImageView&)> model_answers(const onnx::ModelProto& model) {
  if (model.graph().input_size() == 1 &&
      model.graph().input(0).type().tensor_type().elem_type() == onnx::TensorProto::UINT8)
    return onnx_image_engine("plan.onnx", model).run;
  return [engine = onnx_engine("plan.onnx", model), input = std::vector<float>()](const ImageView& image) mutable {
    input.resize(static_cast<std::size_t>(image.height) * image.width * image.channels);
    runtime::to_input(image, input.data());
    return engine.run(input, 1);
  };
}

// What the runtime answers with every threshold moved by `shift`.
std::vector<Outcome> classify(const plan::Plan& plan, const fs::path& directory, std::span<const ImageView> images,
                              double shift) {
  ClassifierOptions options{.engine = engine::kOnnxRuntime};  // runs the stage files that the model was made of
  for (std::size_t k = 0; k + 1 < plan.stages.size(); ++k)
    options.thresholds.push_back(plan.stages[k].exit.threshold + shift);
  auto classifier = Classifier::load(directory.string(), options);
  if (!classifier) fail("{}", classifier.error().message);
  std::vector<Outcome> outcomes;
  for (const auto& image : images) {
    const auto outcome = classifier->classify(image);
    if (!outcome) fail("{}", outcome.error().message);
    outcomes.push_back(*outcome);
  }
  return outcomes;
}

void note(PlanCheck& check, std::size_t& counter, const std::string& what) {
  ++counter;
  if (check.first.empty()) check.first = what;
}

}  // namespace

PlanCheck check_plan_model(const onnx::ModelProto& model, const fs::path& plan_directory,
                           std::span<const ImageView> images, const PlanCheckOptions& options) {
  if (images.empty()) fail("plan check: found no images, expected at least 1");
  const plan::Plan plan = plan::load_plan(plan_directory);
  const auto expected = classify(plan, plan_directory, images, 0);
  const auto eager = classify(plan, plan_directory, images, -options.border);
  const auto lazy = classify(plan, plan_directory, images, options.border);
  const auto answer = model_answers(model);

  PlanCheck check;
  check.images = images.size();
  check.exits.resize(plan.stages.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto outputs = answer(images[i]);
    const int exit = static_cast<int>(outputs.at("exit").at(0));
    ++check.exits.at(exit);
    if (exit != expected[i].exit) {
      if (exit == eager[i].exit || exit == lazy[i].exit)
        ++check.on_border;
      else
        note(check, check.exit_disagreements,
             std::format("image {}: found exit {}, expected {} (the runtime's)", i, exit, expected[i].exit));
      continue;
    }
    const float temperature = static_cast<float>(plan.stages[exit].exit.temperature);
    const auto evidence = runtime::evidence(outputs.at("logits"), temperature);
    const double error = std::abs(double(evidence.confidence) - expected[i].probability);
    if (evidence.label != expected[i].label) {
      note(check, check.label_disagreements,
           std::format("image {}: found label {}, expected {} (the runtime's)", i, evidence.label, expected[i].label));
      continue;
    }
    check.max_probability_error = std::max(check.max_probability_error, error);
    if (!(error <= options.tolerance))
      note(check, check.probability_disagreements,
           std::format("image {}: found probability {}, expected {} (the runtime's)", i, evidence.confidence,
                       expected[i].probability));
  }
  return check;
}

Json to_json(const PlanCheck& check) {
  return {{"images", check.images},
          {"ok", check.ok()},
          {"exits", check.exits},
          {"exit_disagreements", check.exit_disagreements},
          {"on_border", check.on_border},
          {"label_disagreements", check.label_disagreements},
          {"probability_disagreements", check.probability_disagreements},
          {"max_probability_error", check.max_probability_error},
          {"first_disagreement", check.first}};
}

}  // namespace triage::exporting
