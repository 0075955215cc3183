// PlanRepository: several plans by name and version, loaded and unloaded while requests come (the model repository of
// the Open Inference Protocol). Names of requests are looked up in the index, which scanning directories has made
// (plan_index.h); they never become paths.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/open_plan.h"
#include "serving/plan_metrics.h"
#include "serving/scheduler.h"

namespace triage::serving {

// One version of a plan that is loaded. Thread-safe.
struct ServedPlan {
  std::string name, version;
  ClassifierInfo info;
  std::shared_ptr<Scheduler> scheduler;
  std::shared_ptr<PlanMetrics> metrics;
};

enum class PlanState : std::uint8_t { unavailable, loading, ready, unloading };
const char* to_string(PlanState state);  // of the repository index extension: "UNAVAILABLE", "LOADING", ...

struct IndexEntry {
  std::string name, version;
  PlanState state = PlanState::unavailable;
  std::string reason;  // why it is unavailable; of one that is ready: why the last reload failed; else empty
};

struct PlanToWatch {
  std::string name, version, directory;
  std::shared_ptr<runtime::StageSet> stages;  // whose thresholds may be changed
};
struct Watch {
  std::vector<std::shared_ptr<Observer>> observers;
  double audit_share = 0;  // Scheduler::set_audit_share
};

struct RepositoryOptions {
  std::vector<std::string> sources;  // as scan_plans
  std::vector<std::string> trusted;  // directories: only plans inside of one may run compiled kernels, others run on
                                     // ONNX Runtime alone
  ClassifierOptions classifier;      // engine, threads, spinning
  SchedulerOptions scheduler;
  // Who watches a plan, besides its metrics; asked when it is being loaded. May be empty.
  std::function<Watch(const PlanToWatch&)> watch;
  // Opens a plan's directory; tests have their own.
  std::function<runtime::OpenPlan(const std::string& directory, const ClassifierOptions&)> open = runtime::open_plan;
};

// Thread-safe. Loading happens in a thread of its own, one plan after another.
class PlanRepository {
 public:
  using Done = std::function<void(std::optional<RequestError>)>;  // called in that thread; must not throw

  // Scans the sources, loads nothing. Throws Error as scan_plans does.
  PlanRepository(RepositoryOptions options, std::shared_ptr<Workers> workers, std::shared_ptr<MetricsRegistry> metrics);
  ~PlanRepository();  // stop()
  PlanRepository(const PlanRepository&) = delete;
  PlanRepository& operator=(const PlanRepository&) = delete;

  // Both scan the sources again and return at once. version "": the newest there is, which is then the only one that
  // serves: others are unloaded once it is ready. With a version: that one, beside the others. One that is loaded
  // already is read anew: the old one serves until the new one is ready, and answers all that it took; a new one that
  // cannot be loaded changes nothing. done: once it serves and those that it replaces have answered.
  void load(const std::string& name, const std::string& version, const Done& done);
  void load_all(const std::function<void(const std::string& name, std::optional<RequestError>)>& done);

  // version "": all of them. New requests get not_ready at once; done when those that were taken are answered.
  void unload(const std::string& name, const std::string& version, const Done& done);

  // version "": the newest that is ready. Null: none.
  std::shared_ptr<const ServedPlan> find(const std::string& name, const std::string& version = {}) const;

  // To the plan that find() gives; not lost to a reload in the same moment. not_found, not_ready where there is none.
  Submitted submit(const std::string& name, const std::string& version, Request request) const;

  std::vector<IndexEntry> index() const;  // by name and version
  bool ready() const;                     // every plan of the index has a version that is ready

  // Gauges of all plans and of the process, before metrics are shown.
  void collect();

  // Refuses what is new, and returns when everything that was taken has been answered. Not from a worker.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::serving
