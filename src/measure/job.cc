// Map: JobStore keeps what was measured in the state file; run_job() lists the rows, leaves out what the store has and
// measures the others part by part.
#include "measure/job.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/files/file_lock.h"
#include "core/system/machine.h"
#include "cost_tables/measured_on.h"
#include "measure/stages/stage_engine.h"
#include "measure/stages/stage_list.h"

namespace triage::measure {
namespace {

constexpr int kJobStateVersion = 1;
constexpr double kWakeSeconds = 0.1;
constexpr auto kLockPoll = std::chrono::milliseconds(200);

using ProgressCall = std::function<void(const JobProgress&)>;

// One measurement at a time on a device: waits until nobody else has the file.
FileLock lock_device(const fs::path& file, double wait_seconds, StopToken stop, const ProgressCall& progress) {
  FileLock lock(file, 0666);
  const double start = steady_seconds();
  while (!lock.try_lock()) {
    if (stop.requested()) throw Interrupted("interrupted while another measurement ran");
    if (seconds_since(start) > wait_seconds)
      fail("{}: another measurement runs on this device; waited {:.0f} s", file.string(), wait_seconds);
    if (progress) progress({.waiting = true});
    std::this_thread::sleep_for(kLockPoll);
  }
  return lock;
}

// Of the whole measurement that a state file belongs to.
std::string job_key(const Measurable& what, const fs::path& directory, const fs::path& images_file, const Job& job) {
  Json stages = Json::object();
  for (const plan::Stage& stage : what.plan.stages) {
    stages[stage.name] = sha256_file(stage_file(stage, directory, job.profile.provider));
  }
  const Json key = {{"stages", stages}, {"images", sha256_file(images_file)}, {"job", job_identity(job)}};
  return sha256_hex(key.dump());
}

// The state file: a line with the key, then a line for every part, its cost table. A last line that was not written to
// its end (the device lost power) is dropped.
class JobStore {
 public:
  JobStore(fs::path file, const std::string& key) : file_(std::move(file)) {
    if (file_.empty()) return;
    std::string text = fs::exists(file_) ? read_file(file_) : "";
    const std::size_t whole = text.rfind('\n') + 1;  // 0 where there is none
    if (whole < text.size() || text.empty()) {
      text.erase(whole);
      if (text.empty()) text = Json{{"version", kJobStateVersion}, {"key", key}}.dump() + "\n";
      write_file_atomic(file_, text);
    }
    std::size_t begin = 0;
    for (int line = 1; begin < text.size(); ++line) {
      const std::size_t end = text.find('\n', begin);
      read_line(text.substr(begin, end - begin), line, key);
      begin = end + 1;
    }
  }

  void add(const cost::CostTable& part) {
    cost::add_entries(table_, part, file_.empty() ? "measurement" : file_.string());
    Json json = to_json(part);
    seal(json);
    if (!file_.empty()) append_line(file_, json.dump());
  }
  const cost::CostTable& table() const { return table_; }

 private:
  void read_line(const std::string& line, int number, const std::string& key) {
    const std::string origin = std::format("{}:{}", file_.string(), number);
    Json json = parse_json(line, origin);
    unseal(json, origin);
    if (number > 1) return cost::add_entries(table_, cost::cost_table_from_json(json, origin), origin);
    const JsonReader reader(json, origin);
    if (reader.get<int>("version") != kJobStateVersion) {
      reader.at("version").fail_here(std::to_string(kJobStateVersion));
    }
    if (reader.get<std::string>("key") != key)
      reader.at("key").fail_here(key + ", of these stages, images and options");
  }

  fs::path file_;
  cost::CostTable table_;
};

// Rows of one number of threads and one batch size, timed in turns.
struct JobPart {
  int threads = 1, batch = 1;
  std::vector<std::string> rows;
};

std::vector<int> each_once(const std::vector<int>& values) {
  std::vector<int> once;
  for (const int value : values) {
    if (std::ranges::find(once, value) == once.end()) once.push_back(value);
  }
  return once;
}

std::vector<JobPart> missing_parts(const Measurable& what, const Job& job, const cost::CostTable& have) {
  const ProfileOptions& options = job.profile;
  std::vector<std::string> rows;
  for (const plan::Stage& stage : what.plan.stages) rows.push_back(stage.name);
  if (what.whole && options.whole_plan && !options.one_by_one && runs_plans(options.provider))
    rows.emplace_back(kWholePlan);
  for (const auto& [field, names] : {std::pair{"only", &options.only}, {"by_node", &options.by_node}}) {
    for (const std::string& row : *names) {
      if (std::ranges::find(rows, row) == rows.end()) fail("{}: found '{}', expected one of the stages", field, row);
    }
  }
  std::vector<JobPart> parts;
  for (const int threads : each_once(options.threads)) {
    for (const int batch : each_once(options.batches)) {
      JobPart part{threads, batch, {}};
      for (const std::string& row : rows) {
        const bool wanted = options.only.empty() || std::ranges::find(options.only, row) != options.only.end();
        const auto stage = std::ranges::find(what.plan.stages, row, &plan::Stage::name);
        const bool whole = stage == what.plan.stages.end();
        if (!wanted || have.find(row_key(options.provider, whole ? nullptr : &*stage, threads, batch))) continue;
        part.rows.push_back(row);
        if (part.rows.size() == static_cast<std::size_t>(job.interleaved)) {
          parts.push_back(part);
          part.rows.clear();
        }
      }
      if (!part.rows.empty()) parts.push_back(part);
    }
  }
  return parts;
}

DeviceState state_now(const std::vector<int>& cores) {
  const PinnedScope pinned(cores);
  wake_cores(kWakeSeconds);
  return read_device_state();
}

cost::CostTable measure_part(const Measurable& what, const fs::path& directory, Images images, const Job& job,
                             const JobPart& part, const std::function<void(std::size_t)>& on_round) {
  ProfileOptions options = job.profile;
  options.threads = {part.threads};
  options.batches = {part.batch};
  options.only = part.rows;
  FoundEnergy energy;
  if (!job.energy.empty()) energy = find_energy(job.energy);
  options.energy = job.energy.empty() ? nullptr : &energy;
  const std::string started = iso_time_now();
  const DeviceState before = state_now(options.cores);
  cost::CostTable table = (what.whole ? profile_plan(directory, images, options, on_round)
                                      : profile_stages(what.plan, directory, images, options, on_round))
                              .table;
  const DeviceState after = state_now(options.cores);
  const std::string reason = unstable_because(before, after, job.limits, options.cores);
  for (cost::CostSample& entry : table.entries) {
    entry.unstable_because = reason;
    if (!reason.empty()) entry.stable = false;
  }
  table.states.push_back({{"rows", part.rows},
                          {"threads", part.threads},
                          {"batch", part.batch},
                          {"started", started},
                          {"before", to_json(before)},
                          {"after", to_json(after)}});
  return table;
}

}  // namespace

cost::CostTable run_job(const fs::path& directory, const fs::path& images_file, const Job& job,
                        const fs::path& state_file, const ProgressCall& progress) {
  if (job.profile.behind) fail("a job: behind: expected false: its rows are measured in parts");
  const Measurable what = load_measurable(directory);
  const ImageFile file(images_file, what.plan.input);
  const Images images = file.images();

  std::optional<FileLock> lock;
  if (!state_file.empty())
    lock.emplace(lock_device(fs::absolute(state_file).parent_path() / "lock", job.wait_seconds,
                             job.profile.measure.stop, progress));
  if (job.nice != 0 && ::setpriority(PRIO_PROCESS, 0, job.nice) != 0) {
    fail("nice: found {}, which this user may not have: {}", job.nice, std::strerror(errno));
  }
  JobStore store(state_file, job_key(what, directory, images_file, job));
  if (!store.table().entries.empty()) {
    cost::require_measured_on(cost::measured_on(store.table()),
                              {.machine = machine_context(), .engine_version = engine_version_of(job.profile.provider)},
                              state_file.string());
  }
  const std::vector<JobPart> parts = missing_parts(what, job, store.table());
  JobProgress at{.rows_done = store.table().entries.size(), .rows = store.table().entries.size()};
  for (const JobPart& part : parts) at.rows += part.rows.size();
  for (const JobPart& part : parts) {
    store.add(measure_part(what, directory, images, job, part, [&](std::size_t round) {
      at.round = round;
      if (progress) progress(at);
    }));
    at.rows_done += part.rows.size();
  }
  if (progress) progress(at);
  return store.table();
}

}  // namespace triage::measure
