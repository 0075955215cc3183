#include "runtime/cascade.h"

#include <algorithm>

#include "core/error.h"

namespace triage::runtime {

CascadeWalk::CascadeWalk(const plan::Plan& plan, std::span<const std::unique_ptr<engine::Session>> sessions, int batch)
    : plan_(plan), sessions_(sessions), inputs_(plan), prepared_(inputs_.size()), carry_(plan.stages.size()) {
  const auto images = static_cast<std::size_t>(batch);
  for (std::size_t k = 0; k < prepared_.size(); ++k)
    prepared_[k].resize(images * inputs_.elements(static_cast<int>(k)));
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (!sessions[s]) continue;
    const engine::SessionInfo& info = sessions[s]->info();
    logits_.resize(std::max(logits_.size(), images * static_cast<std::size_t>(info.classes)));
    const bool is_source = std::ranges::any_of(plan.stages, [s](const plan::Stage& other) {
      return other.input == plan::StageInput::features && other.source == static_cast<int>(s);
    });
    if (!is_source) continue;
    if (info.carry_size < 1) {
      fail("stage '{}': has no output 'carry', a later stage starts from it", plan.stages[s].name);
    }
    carry_[s].resize(images * static_cast<std::size_t>(info.carry_size));
  }
}

void CascadeWalk::run(std::span<const ImageView> images, const OutputsOf& outputs_of) {
  const int n = static_cast<int>(images.size());
  for (std::size_t k = 0; k < prepared_.size(); ++k) {
    const int input = static_cast<int>(k);
    for (std::size_t i = 0; i < images.size(); ++i)
      inputs_.convert(input, images[i], &prepared_[k][i * inputs_.elements(input)], scratch_);
  }
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    if (!sessions_[s]) continue;
    const plan::Stage& stage = plan_.stages[s];
    const int input = inputs_.of_stage(s);
    const StageOutputs outputs = outputs_of ? outputs_of(s) : StageOutputs{};
    const Status status = sessions_[s]->run(
        n, {.input = input >= 0 ? prepared_[input].data() : carry_[static_cast<std::size_t>(stage.source)].data(),
            .logits = outputs.logits ? outputs.logits : logits_.data(),
            .features = outputs.features,
            .carry = carry_[s].empty() ? nullptr : carry_[s].data()});
    if (!status) fail("stage '{}' ({}): {}", stage.name, stage.onnx, status.error().message);
  }
}

}  // namespace triage::runtime
