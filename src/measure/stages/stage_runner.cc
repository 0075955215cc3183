#include "measure/stages/stage_runner.h"

#include <algorithm>

#include "core/error.h"
#include "runtime/score.h"

namespace triage::measure {

void run_or_fail(const engine::Session& session, int n, const engine::StageTensors& buffers) {
  if (const Status status = session.run(n, buffers); !status) fail("{}", status.error().message);
}

namespace {

plan::Plan as_plan(const std::optional<preprocess::Preprocess>& preprocess, const ImageView& image) {
  return {.input = {image.channels, image.height, image.width}, .stages = {{.preprocess = preprocess}}};
}

}  // namespace

StageRunner::StageRunner(std::unique_ptr<engine::Session> session, const std::string& origin, StageUse use,
                         Images images, const std::vector<float>* maps)
    : session_(std::move(session)),
      use_(std::move(use)),
      images_(images),
      maps_(maps),
      inputs_(as_plan(use_.preprocess, images.front())) {
  const int found = session_->info().input_size;
  const int expected = static_cast<int>(maps ? maps->size() / images.size() : inputs_.elements(0));
  if (found != expected) fail("{}: takes {} values per image, found {}", origin, found, expected);
  policy_ = use_.exit.router ? plan::PolicyKind::learned : plan::PolicyKind::confidence;
}

void StageRunner::run(std::size_t run, int batch) {
  reserve(batch);
  const engine::SessionInfo& shape = session_->info();
  const std::size_t first = run * batch % images_.size();
  for (int i = 0; i < batch; ++i) {
    float* input = input_.data() + static_cast<std::size_t>(i) * shape.input_size;
    if (maps_) {  // the copy is the hand-over between the stages
      std::copy_n(maps_->begin() + (first + i) % images_.size() * shape.input_size, shape.input_size, input);
    } else {
      inputs_.convert(0, image_at(images_, first + i), input, scratch_);
    }
  }
  const bool wants_features = use_.hands_over && use_.exit.router.has_value();
  run_or_fail(*session_, batch,
              {.input = input_.data(),
               .logits = logits_.data(),
               .features = wants_features ? features_.data() : nullptr,
               .carry = use_.carries ? carry_.data() : nullptr});
  for (int i = 0; i < batch; ++i) {
    const runtime::Evidence evidence =
        runtime::evidence(std::span(logits_).subspan(static_cast<std::size_t>(i) * shape.classes, shape.classes),
                          static_cast<float>(use_.exit.temperature));
    if (!use_.hands_over) continue;
    const auto features = wants_features ? std::span<const float>(features_).subspan(
                                               static_cast<std::size_t>(i) * shape.feature_width, shape.feature_width)
                                         : std::span<const float>();
    scores_ += runtime::escalation_score(policy_, use_.exit, features, evidence);
  }
}

void StageRunner::reserve(int batch) {
  const std::size_t n = batch;
  const engine::SessionInfo& shape = session_->info();
  if (logits_.size() >= n * shape.classes) return;
  input_.resize(n * shape.input_size);
  logits_.resize(n * shape.classes);
  features_.resize(n * shape.feature_width);
  carry_.resize(use_.carries ? n * shape.carry_size : 0);
}

}  // namespace triage::measure
