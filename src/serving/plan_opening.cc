#include "serving/plan_opening.h"

#include <algorithm>

#include "engine/names.h"
#include "engine/status.h"

namespace triage::serving {
namespace {

bool lies_in(const fs::path& directory, const std::string& trusted) {
  std::error_code no_outer, no_inner;
  const fs::path outer = fs::canonical(trusted, no_outer), inner = fs::canonical(directory, no_inner);
  return !no_outer && !no_inner && std::ranges::mismatch(outer, inner).in1 == outer.end();
}

}  // namespace

std::shared_ptr<ServedPlan> open_served_plan(const std::string& name, const std::string& version,
                                             const std::string& directory, const RepositoryOptions& options,
                                             std::shared_ptr<Workers> workers, MetricsRegistry& metrics) {
  ClassifierOptions classifier = options.classifier;
  const bool trusted =
      std::ranges::any_of(options.trusted, [&](const std::string& outer) { return lies_in(directory, outer); });
  if (!trusted && classifier.engine == engine::kAuto) classifier.engine = engine::kOnnxRuntime;
  if (!trusted && classifier.engine != engine::kOnnxRuntime) {
    engine::fail_with(ErrorCode::unsupported,
                      "{}: engine '{}': expected a plan in a directory that is trusted, its kernels are code",
                      directory, classifier.engine);
  }
  runtime::OpenPlan opened = options.open(directory, classifier);
  auto served = std::make_shared<ServedPlan>();
  served->name = name;
  served->version = version;
  served->info = runtime::info_of(opened);
  if (!trusted && options.classifier.engine == engine::kAuto &&
      std::ranges::any_of(opened.plan.stages, [](const plan::Stage& stage) { return !stage.artifacts.empty(); }))
    served->info.engine_note = "its compiled kernels do not run: its directory is none that is trusted";
  served->metrics = std::make_shared<PlanMetrics>(metrics, name, version, served->info);
  auto stages = std::make_shared<runtime::StageSet>(std::move(opened.plan), std::move(opened.sessions),
                                                    options.classifier.thresholds);
  Watch watch;
  if (options.watch) watch = options.watch({name, version, directory, stages});
  watch.observers.push_back(served->metrics);
  served->scheduler =
      std::make_shared<Scheduler>(std::move(stages), std::move(workers), options.scheduler, std::move(watch.observers));
  served->scheduler->set_audit_share(watch.audit_share);
  return served;
}

}  // namespace triage::serving
