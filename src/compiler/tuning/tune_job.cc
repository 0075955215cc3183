#include "compiler/tuning/tune_job.h"

#include <cmath>
#include <set>

#include "core/error.h"
#include "core/system/process.h"

namespace triage::compiler {
namespace {

constexpr double kMaxSilentSeconds = 300;

TunedKernel tuned_from_json(const JsonReader& line) {
  return {.key = KernelKey::parse(line.get<std::string>("kernel")),
          .schedule = Schedule::parse(line.get<std::string>("schedule")),
          .us = line.get<double>("us"),
          .default_us = line.get<double>("default_us"),
          .measured = line.get<int>("measured"),
          .known = line.get<int>("known"),
          .why = line.get<std::string>("why")};
}

}  // namespace

Json to_json(const TuneJob& job) {
  Json keys = Json::array();
  for (const KernelKey& key : job.keys) keys.push_back(key.text());
  Json json{{"target", job.target.text()},
            {"store", job.store.string()},
            {"candidates", job.options.candidates},
            {"seed", job.options.seed},
            {"kernels", keys}};
  if (std::isfinite(job.options.seconds)) json["seconds"] = job.options.seconds;
  return json;
}

TuneJob tune_job_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  TuneJob job{.target = target_from_text(reader.get<std::string>("target")), .store = reader.get<std::string>("store")};
  job.options.candidates = reader.get_in<int>("candidates", 1, 100'000);
  job.options.seed = reader.get<std::uint64_t>("seed");
  job.options.seconds = reader.get_or<double>("seconds", job.options.seconds);
  for (const auto& key : reader.get<std::vector<std::string>>("kernels")) job.keys.push_back(KernelKey::parse(key));
  return job;
}

Json to_json(const TuneProgress& progress) {
  return {{"kernel", progress.key.text()},
          {"measured", progress.measured},
          {"wanted", progress.wanted},
          {"best_us", progress.best_us}};
}

TunedKernel tuned_kernel(const KernelKey& key, const TuneResult& result) {
  return {.key = key,
          .schedule = result.best.schedule,
          .us = result.best.outcome.us.value_or(0),
          .default_us = result.default_us,
          .measured = result.measured,
          .known = result.known,
          .why = result.why};
}

Json to_json(const TunedKernel& kernel) {
  return {{"kernel", kernel.key.text()},
          {"schedule", kernel.schedule.text()},
          {"us", kernel.us},
          {"default_us", kernel.default_us},
          {"measured", kernel.measured},
          {"known", kernel.known},
          {"why", kernel.why}};
}

std::vector<TunedKernel> run_tune_job(const TuneJob& job, const fs::path& program,
                                      const std::function<void(const TuneProgress&)>& progress) {
  std::vector<TunedKernel> tuned;
  std::string rest;
  const auto take_line = [&](const std::string& text) {
    const Json json = parse_json(text, program.string());
    const JsonReader line(json, program.string());
    if (line.has("schedule")) {
      tuned.push_back(tuned_from_json(line));
    } else if (progress) {
      progress({.key = KernelKey::parse(line.get<std::string>("kernel")),
                .measured = line.get<int>("measured"),
                .wanted = line.get<int>("wanted"),
                .best_us = line.get<double>("best_us")});
    }
  };
  run_checked({.command = {program.string(), "tune"},
               .input = to_json(job).dump(),
               .input_file = {},
               .silence_seconds = kMaxSilentSeconds,
               .on_output =
                   [&](std::string_view text) {
                     rest += text;
                     for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos;) {
                       take_line(rest.substr(0, end));
                       rest.erase(0, end + 1);
                     }
                   },
               .stop = job.options.stop});
  const std::set<KernelKey> wanted(job.keys.begin(), job.keys.end());
  if (tuned.size() != wanted.size())
    fail("{}: found {} tuned kernels, expected {}", program.string(), tuned.size(), wanted.size());
  return tuned;
}

}  // namespace triage::compiler
