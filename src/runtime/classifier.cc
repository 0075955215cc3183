#include "triage/classifier.h"

#include <algorithm>

#include "core/files/file.h"
#include "engine/registry.h"
#include "engine/status.h"
#include "runtime/executor.h"
#include "runtime/open_stage.h"

namespace triage {

using namespace runtime;  // NOLINT(google-build-using-namespace): this file is the border between the two

namespace {

struct Opened {
  std::string engine;                                      // ClassifierInfo::engine
  std::vector<std::unique_ptr<engine::Session>> sessions;  // one per stage
  std::string note;                                        // ClassifierInfo::engine_note
};

}  // namespace

struct Classifier::Impl {
  Impl(plan::Plan plan, Opened opened, std::vector<int> threads, const ClassifierOptions& options)
      : executor(std::move(plan), std::move(opened.sessions), options.thresholds) {
    const plan::Plan& own = executor.plan();
    info = {.name = own.name,
            .policy = plan::to_string(own.policy),
            .engine = std::move(opened.engine),
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

// Opens every stage and holds it against the plan.
Opened open_with(engine::EngineSpec spec, const plan::Plan& plan, const fs::path& directory,
                 const ClassifierOptions& options) {
  Opened opened{spec.text(), {}, {}};
  spec.threads = options.threads;
  StageOpener opener(directory, spec, {.allow_spinning = options.allow_spinning});
  const ImageInputs inputs(plan);
  for (const plan::Stage& stage : plan.stages) opener.file(stage);  // all have one before any is opened
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    opened.sessions.push_back(opener.open(stage));
    const bool reads_carry = stage.input == plan::StageInput::features;
    check_stage(plan, static_cast<int>(s), inputs, opened.sessions[s]->info(),
                reads_carry ? &opened.sessions.at(stage.source)->info() : nullptr, opener.file(stage).string());
  }
  return opened;
}

// The first engine that can run the plan here.
Opened open_with_any(const plan::Plan& plan, const fs::path& directory, const ClassifierOptions& options) {
  std::string note;
  const auto engines = engine::engines();
  for (std::size_t i = 0;; ++i) {
    const std::string_view name = engines[i]->name();
    try {
      Opened opened = open_with(engine::spec_of_engine(name), plan, directory, options);
      opened.note = std::move(note);
      return opened;
    } catch (const engine::Failure& failure) {  // no files for it, or not for this CPU; damage is no reason to go on
      if (failure.code != ErrorCode::unsupported || i + 1 == engines.size()) throw;
      if (std::ranges::any_of(plan.stages, [&](const auto& stage) { return stage.artifact(name) != nullptr; })) {
        note = failure.what();
      }
    }
  }
}

Opened open_plan(const plan::Plan& plan, const fs::path& directory, const ClassifierOptions& options) {
  if (options.engine == engine::kAuto) return open_with_any(plan, directory, options);
  return open_with(engine::parse_engine(options.engine), plan, directory, options);
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
    for (const auto& session : opened.sessions) threads.push_back(session->threads());
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
