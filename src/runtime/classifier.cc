#include "triage/classifier.h"

#include <algorithm>

#include "core/files/file.h"
#include "engine/compiled/compiled_backend.h"
#include "engine/onnxruntime/onnx_backend.h"
#include "engine/status.h"
#include "runtime/executor.h"

namespace triage {

using namespace runtime;  // NOLINT(google-build-using-namespace): this file is the border between the two

namespace {

struct Opened {
  const char* engine;
  std::vector<std::unique_ptr<engine::Backend>> backends;  // one per stage
  std::string note;                                        // ClassifierInfo::engine_note
};

}  // namespace

struct Classifier::Impl {
  Impl(plan::Plan plan, Opened opened, std::vector<int> threads, const ClassifierOptions& options)
      : executor(std::move(plan), std::move(opened.backends), options.thresholds) {
    const plan::Plan& own = executor.plan();
    info = {.name = own.name,
            .policy = plan::to_string(own.policy),
            .engine = opened.engine,
            .engine_note = std::move(opened.note),
            .height = own.input.height,
            .width = own.input.width,
            .channels = own.input.channels,
            .fit = std::string(fit_name(own.fit)),
            .classes = own.classes,
            .stages = {},
            .threads = std::move(threads)};
    for (const plan::Stage& stage : own.stages) info.stages.push_back(stage.name);
  }
  Executor executor;
  ClassifierInfo info;
};

namespace {

// Opens every stage and holds it against the plan: open(stage) gives its backend, file(stage) its name for messages.
template <class Open, class File>
Opened open_stages(const char* engine, const plan::Plan& plan, const Open& open, const File& file) {
  Opened opened{engine, {}, {}};
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    opened.backends.push_back(open(stage));
    const bool reads_carry = stage.input == plan::StageInput::features;
    check_stage(plan, static_cast<int>(s), opened.backends[s]->shape(),
                reads_carry ? &opened.backends.at(stage.source)->shape() : nullptr, file(stage).string());
  }
  return opened;
}

Opened open_with_onnx_runtime(const plan::Plan& plan, const fs::path& directory, const ClassifierOptions& options) {
  engine::OnnxOptions onnx{.threads = options.threads, .allow_spinning = options.allow_spinning};
  const auto file = [&](const plan::Stage& stage) { return directory / stage.onnx; };
  const auto open = [&](const plan::Stage& stage) {
    onnx.sha256 = stage.sha256;
    return engine::take(engine::open_onnx(file(stage).string(), onnx));
  };
  return open_stages("onnxruntime", plan, open, file);
}

Opened open_with_kernels(const plan::Plan& plan, const fs::path& directory, const ClassifierOptions& options) {
  for (const plan::Stage& stage : plan.stages) {
    if (!stage.compiled) {
      engine::fail_with(ErrorCode::unsupported, "engine 'compiled': stage '{}' of plan '{}' was not compiled",
                        stage.name, plan.name);
    }
  }
  engine::CompiledOptions compiled{.threads = options.threads, .allow_spinning = options.allow_spinning};
  compiled.libraries = std::make_shared<engine::KernelLibraries>();
  if (options.threads >= 1 && options.threads <= 1024) {  // else the first stage says what is wrong
    compiled.team = std::make_shared<engine::ThreadTeam>(options.threads, options.allow_spinning);
  }
  const auto file = [&](const plan::Stage& stage) { return directory / stage.compiled->file; };
  const auto open = [&](const plan::Stage& stage) {
    compiled.sha256 = stage.compiled->sha256;
    return engine::take(engine::open_compiled(file(stage).string(), compiled));
  };
  return open_stages("compiled", plan, open, file);
}

Opened open_plan(const plan::Plan& plan, const fs::path& directory, const ClassifierOptions& options) {
  if (options.engine == "compiled") return open_with_kernels(plan, directory, options);
  if (options.engine != "onnxruntime" && options.engine != "auto") {
    engine::fail_with(ErrorCode::bad_input, "engine: found '{}', expected auto, onnxruntime or compiled",
                      options.engine);
  }
  std::string note;
  if (options.engine == "auto") {
    try {
      return open_with_kernels(plan, directory, options);
    } catch (const engine::Failure& failure) {  // not compiled, or not for this CPU; damage is no reason to go on
      if (failure.code != ErrorCode::unsupported) throw;
      const bool has_kernels = std::ranges::any_of(plan.stages, [](const auto& stage) { return bool(stage.compiled); });
      if (has_kernels) note = failure.what();
    }
  }
  Opened opened = open_with_onnx_runtime(plan, directory, options);
  opened.note = std::move(note);
  return opened;
}

}  // namespace

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::load(const std::string& plan_directory, const ClassifierOptions& options) {
  try {
    const fs::path directory(plan_directory);
    std::error_code ignored;
    if (fs::status(directory / "plan.json", ignored).type() == fs::file_type::not_found) {
      engine::fail_with(ErrorCode::not_found, "{}: no such file; expected a plan directory",
                        (directory / "plan.json").string());
    }
    plan::Plan plan = plan::load_plan(directory);
    Opened opened = open_plan(plan, directory, options);
    std::vector<int> threads;
    for (const auto& backend : opened.backends) threads.push_back(backend->threads());
    return Classifier(std::make_unique<Impl>(std::move(plan), std::move(opened), std::move(threads), options));
  } catch (...) {
    return engine::current_error();
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
