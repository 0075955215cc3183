#include "triage/classifier.h"

#include "core/file.h"
#include "runtime/executor.h"
#include "runtime/onnx_backend.h"
#include "runtime/status.h"

namespace triage {

using namespace runtime;  // NOLINT(google-build-using-namespace): this file is the border between the two

struct Classifier::Impl {
  Impl(plan::Plan plan, std::vector<std::unique_ptr<Backend>> backends, const ClassifierOptions& options)
      : executor(std::move(plan), std::move(backends), options.thresholds) {
    const plan::Plan& own = executor.plan();
    info = {.name = own.name,
            .policy = plan::to_string(own.policy),
            .height = own.input.height,
            .width = own.input.width,
            .channels = own.input.channels,
            .classes = own.classes,
            .stages = {}};
    for (const plan::Stage& stage : own.stages) info.stages.push_back(stage.name);
  }
  Executor executor;
  ClassifierInfo info;
};

namespace {

std::unique_ptr<Backend> open_stage(const plan::Stage& stage, const fs::path& file, const OnnxOptions& options) {
  std::string model = read_model(file.string());
  if (!stage.sha256.empty()) {
    const std::string found = sha256_hex(model);
    if (found != stage.sha256) {
      fail_with(ErrorCode::damaged, "{}: sha256: found {}, expected {} (from plan.json)", file.string(), found,
                stage.sha256);
    }
  }
  return make_onnx_backend(std::move(model), file.string(), options);
}

}  // namespace

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::load(const std::string& plan_directory, const ClassifierOptions& options) {
  try {
    const fs::path directory(plan_directory);
    std::error_code error;
    if (!fs::is_regular_file(directory / "plan.json", error)) {
      fail_with(ErrorCode::not_found, "{}: no such file; expected a plan directory",
                (directory / "plan.json").string());
    }
    plan::Plan plan = plan::load_plan(directory);
    const OnnxOptions onnx{.threads = options.threads, .allow_spinning = options.allow_spinning};
    std::vector<std::unique_ptr<Backend>> backends;
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      const plan::Stage& stage = plan.stages[s];
      const fs::path file = directory / stage.onnx;
      backends.push_back(open_stage(stage, file, onnx));
      const bool reads_carry = stage.input == plan::StageInput::features;
      check_stage(plan, static_cast<int>(s), backends[s]->shape(),
                  reads_carry ? &backends.at(stage.source)->shape() : nullptr, file.string());
    }
    return Classifier(std::make_unique<Impl>(std::move(plan), std::move(backends), options));
  } catch (...) {
    return current_error();
  }
}

Result<Outcome> Classifier::classify(const ImageView& image) const {
  Outcome outcome;
  if (Status status = classify({&image, 1}, {&outcome, 1}); !status) return status.error();
  return outcome;
}

Status Classifier::classify(std::span<const ImageView> images, std::span<Outcome> outcomes) const {
  return impl_->executor.classify(images, outcomes);
}

const ClassifierInfo& Classifier::info() const { return impl_->info; }

const char* version() { return TRIAGE_VERSION; }

}  // namespace triage
