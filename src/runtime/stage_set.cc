#include "runtime/stage_set.h"

#include <algorithm>

#include "engine/status.h"

namespace triage::runtime {
namespace {

constexpr std::size_t kBatchBytes = 16 << 20;  // aim for the buffers of one batch

void expect(bool ok, const std::string& origin, const char* field, auto found, auto expected) {
  if (!ok) engine::fail_with(ErrorCode::damaged, "{}: {}: found {}, expected {}", origin, field, found, expected);
}

std::string text(std::span<const int> dims) {
  std::string result;
  for (int dim : dims) result += std::format("{}{}", result.empty() ? "" : "x", dim);
  return result;
}

std::vector<double> thresholds_of(const plan::Plan& plan, std::span<const double> others) {
  std::vector<double> thresholds;
  for (std::size_t s = 0; s + 1 < plan.stages.size(); ++s) thresholds.push_back(plan.stages[s].exit.threshold);
  if (others.empty()) return thresholds;
  check_thresholds(others, thresholds.size(), plan.name);
  return {others.begin(), others.end()};
}

}  // namespace

void check_stage(const plan::Plan& plan, int stage, const ImageInputs& inputs, const engine::SessionInfo& shape,
                 const engine::SessionInfo* source, const std::string& origin) {
  const plan::Stage& spec = plan.stages[stage];
  if (spec.input == plan::StageInput::image) {
    const std::vector<int>& dims = inputs.dims(inputs.of_stage(stage));
    const int size = dims[0] * dims[1] * dims[2];
    expect(shape.input_name.empty() || shape.input_name == "image", origin, "input's name", shape.input_name, "image");
    expect(shape.input_dims.empty() || shape.input_dims == dims, origin, "input 'image'", text(shape.input_dims),
           text(dims));
    expect(shape.input_size == size, origin, "elements of input 'image'", shape.input_size, size);
  } else {
    const std::string& name = shape.input_name;
    expect(name.empty() || name == "carry_in", origin, "input's name", name, "carry_in");
    expect(source != nullptr, origin, "source of a feature stage", spec.source, "an earlier stage");
    const std::string& giver = plan.stages[spec.source].name;
    expect(source->carry_size > 0, origin, "elements of output 'carry' of the source stage", 0,
           std::format("some, from stage '{}'", giver));
    expect(shape.input_size == source->carry_size, origin, "elements of input 'carry_in'", shape.input_size,
           std::format("{}, the 'carry' of stage '{}'", source->carry_size, giver));
  }
  const int classes = static_cast<int>(plan.classes.size());
  expect(shape.classes == classes, origin, "width of output 'logits'", shape.classes, classes);
  expect(shape.feature_width == spec.feature_width, origin, "width of output 'features'", shape.feature_width,
         spec.feature_width);
  const std::vector<double>& weights = spec.exit.answer_weights;
  const std::size_t so_far = static_cast<std::size_t>(stage) + 1;
  expect(weights.empty() || weights.size() == so_far, origin, "exit.answer_weights in the plan", weights.size(),
         std::format("{}, one for each stage up to this one, or none", so_far));
  if (plan.policy != plan::PolicyKind::learned || stage + 1 == static_cast<int>(plan.stages.size())) return;
  expect(spec.exit.router.has_value(), origin, "exit.router in the plan", "none", "one, policy is learned");
  const plan::Router& router = *spec.exit.router;
  expect(router.feature_width == spec.feature_width, origin, "exit.router.feature_width in the plan",
         router.feature_width, spec.feature_width);
  const std::size_t taken = router.inputs(), hidden = router.hidden;
  const bool complete = router.mean.size() == taken && router.scale.size() == taken &&
                        router.weight1.size() == hidden * taken && router.bias1.size() == hidden &&
                        router.weight2.size() == hidden;
  expect(complete, origin, "exit.router in the plan", "lists of other lengths",
         std::format("{} inputs and {} hidden units", taken, hidden));
}

StageSet::StageSet(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
                   std::span<const double> thresholds)
    : plan_(std::move(plan)),
      sessions_(std::move(sessions)),
      thresholds_(thresholds_of(plan_, thresholds)),
      inputs_(plan_) {
  const std::size_t stages = plan_.stages.size();
  if (stages == 0 || sessions_.size() != stages) {
    engine::fail_with(ErrorCode::bad_input, "plan '{}': {} sessions for {} stages", plan_.name, sessions_.size(),
                      stages);
  }
  last_reader_.assign(stages, -1);
  last_input_reader_.assign(inputs_.size(), 0);
  std::size_t row_bytes = 0;
  for (std::size_t k = 0; k < inputs_.size(); ++k) row_bytes += sizeof(float) * inputs_.elements(static_cast<int>(k));
  for (std::size_t s = 0; s < stages; ++s) {
    const plan::Stage& stage = plan_.stages[s];
    const bool reads_carry = stage.input == plan::StageInput::features;
    const bool known = stage.source >= 0 && stage.source < static_cast<int>(s);
    const engine::SessionInfo* source = reads_carry && known ? &sessions_[stage.source]->info() : nullptr;
    check_stage(plan_, static_cast<int>(s), inputs_, sessions_[s]->info(), source, stage.onnx);
    (source ? last_reader_[stage.source] : last_input_reader_[inputs_.of_stage(s)]) = static_cast<int>(s);
    row_bytes += sizeof(float) * sessions_[s]->info().carry_size;
    exits_.emplace_back(plan_, static_cast<int>(s));
    last_answer_reader_.push_back(-1);
    for (std::size_t k = 0; k <= s; ++k) {
      if (exits_[s].reads_answer(static_cast<int>(k))) last_answer_reader_[k] = static_cast<int>(s);
    }
  }
  row_bytes += sizeof(float) * plan_.classes.size() *
               static_cast<std::size_t>(std::ranges::count_if(last_answer_reader_, [](int s) { return s >= 0; }));
  max_rows_ = static_cast<int>(std::clamp<std::size_t>(kBatchBytes / row_bytes, 1, kMaxRows));
}

void StageSet::run(int stage, int n, const engine::StageTensors& tensors) const {
  if (Status status = sessions_[stage]->run(n, tensors); !status) {
    engine::fail_with(status.error().code, "stage '{}': {}", plan_.stages[stage].name, status.error().message);
  }
}

}  // namespace triage::runtime
