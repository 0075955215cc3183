#include "runtime/open_plan.h"

#include <algorithm>
#include <format>
#include <functional>

#include "core/files/file.h"
#include "core/system/limits.h"
#include "engine/registry.h"
#include "engine/status.h"
#include "runtime/open_stage.h"
#include "runtime/stage_set.h"

namespace triage::runtime {
namespace {

constexpr int kMostThreads = 1024;  // that engines take

// ClassifierInfo::engine
std::string engine_text(const plan::Plan& plan, const std::vector<std::string>& engines) {
  if (std::ranges::adjacent_find(engines, std::not_equal_to()) == engines.end()) return engines.front();
  std::string text;
  for (std::size_t s = 0; s < engines.size(); ++s)
    text += std::format("{}{}: {}", s == 0 ? "" : ", ", plan.stages[s].name, engines[s]);
  return text;
}

// The stage that was opened last against the plan. Throws Failure.
void check_last(const OpenPlan& open, const ImageInputs& inputs, const fs::path& file) {
  const std::size_t s = open.sessions.size() - 1;
  const plan::Stage& stage = open.plan.stages[s];
  const bool reads_carry = stage.input == plan::StageInput::features;
  check_stage(open.plan, static_cast<int>(s), inputs, open.sessions[s]->info(),
              reads_carry ? &open.sessions.at(stage.source)->info() : nullptr, file.string());
}

// Every stage with the engine that was named.
void open_with(engine::EngineSpec spec, OpenPlan& open, const fs::path& directory, const ClassifierOptions& options) {
  open.engines.assign(open.plan.stages.size(), spec.text());
  spec.threads = options.threads;
  StageOpener opener(directory, spec, {.allow_spinning = options.allow_spinning});
  const ImageInputs inputs(open.plan);
  for (const plan::Stage& stage : open.plan.stages) opener.file(stage);  // all have one before any is opened
  for (const plan::Stage& stage : open.plan.stages) {
    open.sessions.push_back(opener.open(stage));
    check_last(open, inputs, opener.file(stage));
  }
}

// Each stage with the best engine for it.
void open_best(OpenPlan& open, const fs::path& directory, const ClassifierOptions& options) {
  BestOpener opener(directory, options.threads, {.allow_spinning = options.allow_spinning});
  const ImageInputs inputs(open.plan);
  for (const plan::Stage& stage : open.plan.stages) {
    BestOpener::Opened one = opener.open(stage);
    open.sessions.push_back(std::move(one.session));
    open.engines.emplace_back(one.engine);
    if (!one.note.empty()) open.note += (open.note.empty() ? "" : "; ") + one.note;
    check_last(open, inputs, one.file);
  }
}

}  // namespace

OpenPlan open_plan(const std::string& plan_directory, const ClassifierOptions& wanted) {
  const fs::path directory(plan_directory);
  std::error_code ignored;
  if (fs::status(directory / "plan.json", ignored).type() == fs::file_type::not_found) {
    engine::fail_with(ErrorCode::not_found, "{}: no such file; expected a plan directory",
                      (directory / "plan.json").string());
  }
  OpenPlan open{.plan = plan::load_plan(directory)};
  ClassifierOptions options = wanted;
  if (options.threads == 0) {
    const CpuLimit limit = cpu_limit();
    options.threads = std::min(limit.count, kMostThreads);
    open.threads_note = std::format("{}: {}", options.threads, limit.why);
  }
  if (options.engine == engine::kAuto)
    open_best(open, directory, options);
  else
    open_with(engine::parse_engine(options.engine), open, directory, options);
  return open;
}

ClassifierInfo info_of(const OpenPlan& open) {
  const plan::Plan& plan = open.plan;
  ClassifierInfo info{.name = plan.name,
                      .policy = plan::to_string(plan.policy),
                      .engine = engine_text(plan, open.engines),
                      .engine_note = open.note,
                      .height = plan.input.height,
                      .width = plan.input.width,
                      .channels = plan.input.channels,
                      .fit = std::string(fit_name(plan.fit)),
                      .classes = plan.classes,
                      .stages = {},
                      .threads = {},
                      .threads_note = open.threads_note,
                      .engines = open.engines};
  for (const plan::Stage& stage : plan.stages) info.stages.push_back(stage.name);
  for (const auto& session : open.sessions) info.threads.push_back(session->threads());
  return info;
}

}  // namespace triage::runtime
