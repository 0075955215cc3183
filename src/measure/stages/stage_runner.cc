#include "measure/stages/stage_runner.h"

#include <algorithm>

#include "core/error.h"
#include "runtime/score.h"

namespace triage::measure {

PixelFile::PixelFile(const fs::path& file, const plan::InputShape& shape) : pixels_(file) {
  const std::size_t image_bytes = static_cast<std::size_t>(shape.channels) * shape.height * shape.width;
  const std::size_t bytes = pixels_.bytes().size();
  if (bytes == 0 || bytes % image_bytes != 0) {
    fail("{}: {} bytes, expected a multiple of {} (an image of {}x{}x{})", file.string(), bytes, image_bytes,
         shape.height, shape.width, shape.channels);
  }
  images_ = {pixels_.bytes(), static_cast<int>(bytes / image_bytes), shape.height, shape.width, shape.channels};
}

ImageView image_at(const Images& images, std::size_t index) {
  if (!images.views.empty()) return images.views[index % images.views.size()];
  const std::size_t size = static_cast<std::size_t>(images.height) * images.width * images.channels;
  return {images.pixels.data() + index % images.count * size, images.height, images.width, images.channels};
}

void run_or_fail(const engine::Session& session, int n, const engine::StageTensors& buffers) {
  if (const Status status = session.run(n, buffers); !status) fail("{}", status.error().message);
}

namespace {

plan::Plan as_plan(const std::optional<preprocess::Preprocess>& preprocess, const Images& images) {
  return {.input = {images.channels, images.height, images.width}, .stages = {{.preprocess = preprocess}}};
}

}  // namespace

StageRunner::StageRunner(std::unique_ptr<engine::Session> session, const std::string& origin, StageUse use,
                         const Images& images, const std::vector<float>* maps)
    : session_(std::move(session)),
      use_(std::move(use)),
      images_(images),
      maps_(maps),
      inputs_(as_plan(use_.preprocess, images)) {
  const int found = session_->info().input_size;
  const int expected = static_cast<int>(maps ? maps->size() / images.count : inputs_.elements(0));
  if (found != expected) fail("{}: takes {} values per image, found {}", origin, found, expected);
  policy_ = use_.exit.router ? plan::PolicyKind::learned : plan::PolicyKind::confidence;
}

void StageRunner::run(std::size_t run, int batch) {
  reserve(batch);
  const engine::SessionInfo& shape = session_->info();
  const std::size_t first = run * batch % images_.count;
  for (int i = 0; i < batch; ++i) {
    float* input = input_.data() + static_cast<std::size_t>(i) * shape.input_size;
    if (maps_) {  // the copy is the hand-over between the stages
      std::copy_n(maps_->begin() + (first + i) % images_.count * shape.input_size, shape.input_size, input);
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
