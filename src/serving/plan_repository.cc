// Map: `versions_` holds what is loaded and is guarded by a shared lock, which submit() holds while it puts a request
// into a scheduler; a plan that is replaced leaves the map first (nobody comes any more), is stopped and drained then.
// All of that happens in the loader's thread, job by job, so that jobs see each other's results.
#include "serving/plan_repository.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <shared_mutex>

#include "core/system/system_text.h"
#include "engine/status.h"
#include "serving/job_threads.h"
#include "serving/plan_index.h"
#include "serving/plan_opening.h"

namespace triage::serving {
namespace {

RequestError no_such_plan(const std::string& name, const std::string& version) {
  return {RequestErrorCode::not_found, version.empty()
                                           ? std::format("plan '{}': there is none of that name", name)
                                           : std::format("plan '{}', version '{}': there is none", name, version)};
}

}  // namespace

const char* to_string(PlanState state) {
  switch (state) {
    case PlanState::unavailable:
      return "UNAVAILABLE";
    case PlanState::loading:
      return "LOADING";
    case PlanState::ready:
      return "READY";
    case PlanState::unloading:
      return "UNLOADING";
  }
  return "UNAVAILABLE";
}

class PlanRepository::Impl {
 public:
  Impl(RepositoryOptions options, std::shared_ptr<Workers> workers, std::shared_ptr<MetricsRegistry> metrics)
      : options_(std::move(options)), workers_(std::move(workers)), metrics_(std::move(metrics)) {
    take_index(scan_plans(options_.sources));
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // The job runs in the loader's thread; where there is none any more, `done` is told so.
  void enqueue(std::function<void()> job, const Done& done) {
    if (!loader_.enqueue(std::move(job))) done(RequestError{RequestErrorCode::stopping, "the server stops"});
  }

  std::optional<RequestError> load(const std::string& name, const std::string& version);
  std::optional<RequestError> unload(const std::string& name, const std::string& version);
  std::shared_ptr<ServedPlan> find(const std::string& name, const std::string& version) const;  // lock held
  std::vector<std::string> names() const {
    const std::shared_lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, versions] : plans_) names.push_back(name);
    return names;
  }

  void collect();
  void stop();

  struct Version {
    fs::path directory;  // empty: it is not there any more
    PlanState state = PlanState::unavailable;
    std::string reason = "it was not loaded";
    std::shared_ptr<ServedPlan> plan;  // while it is ready
  };
  using Versions = std::map<unsigned long long, Version>;

  mutable std::shared_mutex mutex_;
  std::map<std::string, Versions> plans_;

 private:
  void take_index(const PlanIndex& index);
  Versions::iterator version_of(Versions& versions, const std::string& version);
  void retire(const std::string& name, unsigned long long version);

  RepositoryOptions options_;
  std::shared_ptr<Workers> workers_;
  std::shared_ptr<MetricsRegistry> metrics_;
  JobThreads loader_{1};  // last: its jobs use the others
};

// What was found, and what is still loaded though it is not there any more.
void PlanRepository::Impl::take_index(const PlanIndex& index) {
  const std::unique_lock lock(mutex_);
  for (auto& [name, versions] : plans_) {
    for (auto& [number, version] : versions) version.directory.clear();
  }
  for (const auto& [name, versions] : index) {
    for (const auto& [number, directory] : versions) plans_[name][number].directory = directory;
  }
  for (auto& [name, versions] : plans_)
    std::erase_if(versions, [](const auto& one) { return one.second.directory.empty() && !one.second.plan; });
  std::erase_if(plans_, [](const auto& one) { return one.second.empty(); });
}

// "" the newest that is there, or the one of that number; the end: none.
auto PlanRepository::Impl::version_of(Versions& versions, const std::string& version) -> Versions::iterator {
  if (version.empty()) {
    const auto newest = std::ranges::find_if(versions.rbegin(), versions.rend(),
                                             [](const auto& one) { return !one.second.directory.empty(); });
    return newest == versions.rend() ? versions.end() : std::prev(newest.base());
  }
  return std::ranges::find_if(versions, [&](const auto& one) { return std::to_string(one.first) == version; });
}

std::shared_ptr<ServedPlan> PlanRepository::Impl::find(const std::string& name, const std::string& version) const {
  const auto plan = plans_.find(name);
  if (plan == plans_.end()) return nullptr;
  for (auto one = plan->second.rbegin(); one != plan->second.rend(); ++one) {
    if (one->second.plan && (version.empty() || version == one->second.plan->version)) return one->second.plan;
  }
  return nullptr;
}

std::optional<RequestError> PlanRepository::Impl::load(const std::string& name, const std::string& version) {
  fs::path directory;
  unsigned long long number = 0;
  try {
    take_index(scan_plans(options_.sources));
    const std::unique_lock lock(mutex_);
    const auto plan = plans_.find(name);
    if (plan == plans_.end()) return no_such_plan(name, {});
    const auto found = version_of(plan->second, version);
    if (found == plan->second.end() || found->second.directory.empty()) return no_such_plan(name, version);
    directory = found->second.directory;
    number = found->first;
    if (!found->second.plan) found->second.state = PlanState::loading;
  } catch (...) {
    return request_error(engine::current_error());
  }
  std::shared_ptr<ServedPlan> opened;
  std::optional<RequestError> error;
  try {
    opened = open_served_plan(name, std::to_string(number), directory.string(), options_, workers_, *metrics_);
  } catch (...) {
    error = request_error(engine::current_error());
  }
  std::vector<unsigned long long> others;
  std::shared_ptr<ServedPlan> old;
  {
    const std::unique_lock lock(mutex_);
    Version& own = plans_[name][number];
    if (error) {
      own.reason = own.plan ? "it could not be loaded again: " + error->message : error->message;
      if (!own.plan) own.state = PlanState::unavailable;
      return error;
    }
    own.state = PlanState::ready;
    own.reason.clear();
    old = std::exchange(own.plan, opened);
    for (const auto& [other, one] : plans_[name]) {
      if (version.empty() && other != number && one.plan) others.push_back(other);
    }
  }
  if (old) old->scheduler->drain();
  for (const unsigned long long other : others) retire(name, other);
  return std::nullopt;
}

// One that is ready: nobody finds it any more, and it answers what it took.
void PlanRepository::Impl::retire(const std::string& name, unsigned long long number) {
  std::shared_ptr<ServedPlan> old;
  {
    const std::unique_lock lock(mutex_);
    Version& own = plans_[name][number];
    old = std::exchange(own.plan, nullptr);
    own.state = PlanState::unloading;
    own.reason.clear();
  }
  old->scheduler->drain();
  const std::unique_lock lock(mutex_);
  old->metrics->retire();
  Version& own = plans_[name][number];
  own.state = PlanState::unavailable;
  own.reason = "it was unloaded";
}

std::optional<RequestError> PlanRepository::Impl::unload(const std::string& name, const std::string& version) {
  std::vector<unsigned long long> loaded;
  {
    const std::shared_lock lock(mutex_);
    const auto plan = plans_.find(name);
    if (plan == plans_.end()) return no_such_plan(name, {});
    for (const auto& [number, one] : plan->second) {
      if (one.plan && (version.empty() || one.plan->version == version)) loaded.push_back(number);
    }
    if (loaded.empty() && !version.empty()) return no_such_plan(name, version);
  }
  for (const unsigned long long number : loaded) retire(name, number);
  return std::nullopt;
}

void PlanRepository::Impl::collect() {
  const std::unique_lock lock(mutex_);  // retire() removes what this makes
  for (const auto& [name, versions] : plans_) {
    for (const auto& [number, version] : versions) {
      if (version.plan)
        version.plan->metrics->collect(version.plan->scheduler->queue(), version.plan->scheduler->thresholds());
    }
  }
  const std::string pages = system_text("/proc/self/statm");  // of the process: virtual, resident, ...
  unsigned long long resident = 0;
  const std::size_t second = pages.find(' ') + 1;
  std::from_chars(pages.data() + second, pages.data() + pages.size(), resident);
  metrics_->gauge("process_resident_memory_bytes", "Resident memory of the process")
      .set(static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

void PlanRepository::Impl::stop() {
  if (!loader_.stop()) return;
  std::vector<std::shared_ptr<ServedPlan>> loaded;
  {
    const std::unique_lock lock(mutex_);
    for (auto& [name, versions] : plans_) {
      for (auto& [number, version] : versions) {
        if (version.plan) loaded.push_back(std::exchange(version.plan, nullptr));
        version.state = PlanState::unavailable;
        version.reason = "the server stops";
      }
    }
  }
  for (const auto& plan : loaded) plan->scheduler->stop();
  for (const auto& plan : loaded) plan->scheduler->drain();
}

PlanRepository::PlanRepository(RepositoryOptions options, std::shared_ptr<Workers> workers,
                               std::shared_ptr<MetricsRegistry> metrics)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(workers), std::move(metrics))) {}

PlanRepository::~PlanRepository() = default;

void PlanRepository::load(const std::string& name, const std::string& version, const Done& done) {
  impl_->enqueue([this, name, version, done] { done(impl_->load(name, version)); }, done);
}

void PlanRepository::load_all(const std::function<void(const std::string& name, std::optional<RequestError>)>& done) {
  for (const std::string& name : impl_->names())
    load(name, {}, [name, done](std::optional<RequestError> error) { done(name, std::move(error)); });
}

void PlanRepository::unload(const std::string& name, const std::string& version, const Done& done) {
  impl_->enqueue([this, name, version, done] { done(impl_->unload(name, version)); }, done);
}

std::shared_ptr<const ServedPlan> PlanRepository::find(const std::string& name, const std::string& version) const {
  const std::shared_lock lock(impl_->mutex_);
  return impl_->find(name, version);
}

Submitted PlanRepository::submit(const std::string& name, const std::string& version, Request request) const {
  const std::shared_lock lock(impl_->mutex_);
  if (const std::shared_ptr<ServedPlan> plan = impl_->find(name, version))
    return plan->scheduler->submit(std::move(request));
  const auto known = impl_->plans_.find(name);
  const bool there =
      known != impl_->plans_.end() && (version.empty() || std::ranges::any_of(known->second, [&](const auto& one) {
                                         return std::to_string(one.first) == version;
                                       }));
  if (!there) return {.refused = no_such_plan(name, version), .ticket = {}};
  return {.refused = RequestError{RequestErrorCode::not_ready, std::format("plan '{}': it is not loaded", name)},
          .ticket = {}};
}

std::vector<IndexEntry> PlanRepository::index() const {
  const std::shared_lock lock(impl_->mutex_);
  std::vector<IndexEntry> index;
  for (const auto& [name, versions] : impl_->plans_) {
    for (const auto& [number, version] : versions)
      index.push_back(
          {.name = name, .version = std::to_string(number), .state = version.state, .reason = version.reason});
  }
  return index;
}

bool PlanRepository::ready() const {
  const std::shared_lock lock(impl_->mutex_);
  return std::ranges::all_of(impl_->plans_, [](const auto& plan) {
    return std::ranges::any_of(plan.second, [](const auto& one) { return one.second.plan != nullptr; });
  });
}

void PlanRepository::collect() { impl_->collect(); }
void PlanRepository::stop() { impl_->stop(); }

}  // namespace triage::serving
