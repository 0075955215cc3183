#include "workflow/build/kernels_program.h"

#include "compiler/tuning/tuning_store.h"
#include "core/system/cpu.h"
#include "workflow/device/other_program.h"

namespace triage::workflow {

namespace {

// What --target calls it; "this" where it is none of those.
std::string name_of_target(const std::string& architecture, const std::vector<std::string>& features) {
  for (const char* name : {"vnni", "avx512", "avx2", "sse4", "arm64", "arm64-plain"}) {
    const compiler::Target target = compiler::target_from_name(name);
    if (target.architecture == architecture && target.features.names() == features) return name;
  }
  return "this";
}

}  // namespace

fs::path kernels_program() { return other_program("triage-kernels"); }

compiler::ScheduleOf tuned_schedules(const TuningOptions& options) {
  const compiler::Target target = compiler::target_from_name(options.target);
  std::shared_ptr<compiler::TuningStore> store;
  if (fs::exists(options.store))
    store = std::make_shared<compiler::TuningStore>(options.store, tuning_machine(target, cpu_name()));
  return [store, target](const compiler::KernelKey& key) {
    if (!store) return default_schedule(key, target);
    if (const auto best = store->best(key)) return best->schedule;
    for (const compiler::Candidate& similar : store->nearest(key, 5))
      if (allowed(key, similar.schedule)) return similar.schedule;
    return default_schedule(key, target);
  };
}

compiler::CompiledPlan make_kernels(const fs::path& directory, const KernelsRequest& request, StopToken stop) {
  const TuningOptions& tuning = request.tuning;
  const compiler::Target target = compiler::target_from_name(tuning.target);
  const compiler::ScheduleOf guess = [&](const compiler::KernelKey& key) { return default_schedule(key, target); };
  const compiler::CompileOptions options{
      .target = target, .threads = tuning.threads, .program = kernels_program(), .stop = stop};
  Json made_by = {{"target", tuning.target}, {"threads", tuning.threads}};
  if (!request.untuned) made_by["store"] = tuning.store;
  return compile_plan(directory, options, request.untuned ? guess : tuned_schedules(tuning), made_by);
}

std::optional<KernelsRequest> kernels_request_of(const fs::path& directory) {
  if (!fs::exists(directory / "plan.json")) return std::nullopt;
  const plan::Plan plan = plan::load_plan(directory);
  const auto compiled =
      std::ranges::find_if(plan.stages, [](const auto& stage) { return stage.artifact(engine::kCompiled) != nullptr; });
  if (compiled == plan.stages.end()) return std::nullopt;
  KernelsRequest request;
  if (plan.provenance.contains(compiler::kMadeKernels)) {
    const JsonReader made_by(plan.provenance[compiler::kMadeKernels], (directory / "plan.json").string());
    request.tuning.target = made_by.get<std::string>("target");
    request.tuning.threads = made_by.get_in("threads", 1, 64);
    request.untuned = !made_by.has("store");
    if (!request.untuned) request.tuning.store = made_by.get<std::string>("store");
  } else {
    const engine::StageProgram program = engine::load_program(directory / compiled->artifact(engine::kCompiled)->file);
    request.tuning.target = name_of_target(program.architecture, program.features);
  }
  return request;
}

}  // namespace triage::workflow
