// Job <-> JSON.
#include <set>
#include <variant>

#include "core/error.h"
#include "measure/job.h"

namespace triage::measure {
namespace {

using MeasureField = std::variant<int MeasureOptions::*, double MeasureOptions::*, std::size_t MeasureOptions::*>;
constexpr std::pair<const char*, MeasureField> kMeasureFields[] = {
    {"warmup_runs", &MeasureOptions::warmup_runs}, {"warmup_seconds", &MeasureOptions::warmup_seconds},
    {"settle_runs", &MeasureOptions::settle_runs}, {"window_seconds", &MeasureOptions::window_seconds},
    {"window_runs", &MeasureOptions::window_runs}, {"min_seconds", &MeasureOptions::min_seconds},
    {"min_runs", &MeasureOptions::min_runs},       {"max_seconds", &MeasureOptions::max_seconds},
    {"max_runs", &MeasureOptions::max_runs},       {"tolerance", &MeasureOptions::tolerance},
};

// Reads fields that may be absent and, at the end, refuses those that nobody asked for.
class StrictReader {
 public:
  explicit StrictReader(const JsonReader& json) : json_(json) {
    if (!json.json().is_object()) json.fail_here("an object");
  }
  template <class T>
  void read(const char* key, T& value) {
    known_.insert(key);
    value = json_.get_or(key, value);
  }
  template <class T>
  void read(const char* key, T& value, T low, T high) {
    known_.insert(key);
    if (json_.has(key)) value = json_.get_in(key, low, high);
  }
  std::optional<StrictReader> object(const char* key) {
    known_.insert(key);
    return json_.has(key) ? std::optional<StrictReader>(json_.at(key)) : std::nullopt;
  }
  void finish() const {
    for (const auto& [key, value] : json_.json().items()) {
      if (!known_.contains(key)) fail("{}: field '{}' is unknown", json_.where(), key);
    }
  }

 private:
  JsonReader json_;
  std::set<std::string> known_;
};

}  // namespace

Json to_json(const Job& job) {
  Json measure = Json::object();
  for (const auto& [name, field] : kMeasureFields) {
    std::visit([&](const auto member) { measure[name] = job.profile.measure.*member; }, field);
  }
  return {{"batches", job.profile.batches},
          {"threads", job.profile.threads},
          {"provider", job.profile.provider},
          {"cores", job.profile.cores},
          {"whole_plan", job.profile.whole_plan},
          {"only", job.profile.only},
          {"one_by_one", job.profile.one_by_one},
          {"by_node", job.profile.by_node},
          {"measure", measure},
          {"energy", job.energy},
          {"energy_seconds", job.profile.energy_options.window_seconds},
          {"interleaved", job.interleaved},
          {"nice", job.nice},
          {"wait_seconds", job.wait_seconds},
          {"limits",
           {{"frequency_drop_percent", job.limits.frequency_drop_percent},
            {"temperature_rise_celsius", job.limits.temperature_rise_celsius}}}};
}

Json job_identity(const Job& job) {
  Json identity = to_json(job);
  for (const char* free : {"batches", "threads", "only", "whole_plan", "interleaved", "wait_seconds"}) {
    identity.erase(free);
  }
  return identity;
}

Job job_from_json(const Json& json, const std::string& origin) {
  Job job;
  StrictReader reader(JsonReader(json, origin));
  reader.read("batches", job.profile.batches);
  reader.read("threads", job.profile.threads);
  reader.read("provider", job.profile.provider);
  reader.read("cores", job.profile.cores);
  reader.read("whole_plan", job.profile.whole_plan);
  reader.read("only", job.profile.only);
  reader.read("one_by_one", job.profile.one_by_one);
  reader.read("by_node", job.profile.by_node);
  reader.read("energy", job.energy);
  EnergyOptions& energy = job.profile.energy_options;
  reader.read("energy_seconds", energy.window_seconds, 0.1, 3600.0);
  energy.idle_seconds = energy.window_seconds;
  reader.read("interleaved", job.interleaved, 1, 1 << 20);
  reader.read("nice", job.nice, -20, 19);
  reader.read("wait_seconds", job.wait_seconds, 0.0, 1e6);
  if (auto measure = reader.object("measure")) {
    for (const auto& [name, field] : kMeasureFields) {
      std::visit([&](const auto member) { measure->read(name, job.profile.measure.*member); }, field);
    }
    measure->finish();
  }
  if (auto limits = reader.object("limits")) {
    limits->read("frequency_drop_percent", job.limits.frequency_drop_percent, 0.0, 100.0);
    limits->read("temperature_rise_celsius", job.limits.temperature_rise_celsius, 0.0, 1000.0);
    limits->finish();
  }
  reader.finish();
  return job;
}

}  // namespace triage::measure
