#include "core/system/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <ctime>

#include "core/system/cpu.h"
#include "core/system/limits.h"
#include "core/system/system_text.h"

namespace triage {

extern const char* const kSourceRevision;  // revision.cc, generated: see cmake/revision.cmake

namespace {

Json figure_to_json(const std::string& key, const Figure& figure) {
  const auto check = [&](double value) {
    if (!std::isfinite(value)) fail("figure '{}': expected a finite number, found {}", key, value);
  };
  check(figure.value);
  Json json = {{"value", figure.value}, {"unit", figure.unit}};
  if (figure.interval) {
    check(figure.interval->low);
    check(figure.interval->high);
    json["interval"] = {figure.interval->low, figure.interval->high};
  }
  if (figure.n) json["n"] = *figure.n;
  return json;
}

}  // namespace

std::string git_revision() { return kSourceRevision; }

std::string iso_time_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Json machine_context() {
  const CpuLimit cpus = cpu_limit();
  Json machine = {{"cpu", cpu_name()},
                  {"cores", std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))},
                  {"usable_cpus", cpus.count},
                  {"usable_cpus_why", cpus.why},
                  {"flags", cpu_kernel_flags()}};
  const std::string memory = system_field(system_text("/proc/meminfo"), "MemTotal");  // "16384256 kB"
  if (!memory.empty()) machine["memory_mib"] = std::strtoull(memory.c_str(), nullptr, 10) / 1024;
  utsname system{};
  if (::uname(&system) == 0) {
    machine["kernel"] = std::format("{} {}", system.sysname, system.release);
    machine["architecture"] = system.machine;
  }
  const std::string governor = system_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (!governor.empty()) machine["governor"] = governor;
  const std::string khz = system_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq");
  if (!khz.empty()) machine["mhz"] = std::strtoull(khz.c_str(), nullptr, 10) / 1000;
  return machine;
}

Json read_figures(const fs::path& file) {
  Json found = read_json(file);
  const JsonReader reader(found, file.string());
  if (reader.get<int>("schema") != 1) reader.at("schema").fail_here("1");
  if (!reader.at("figures").json().is_object()) reader.at("figures").fail_here("an object");
  return found;
}

void record_figures(const fs::path& file, const std::string& command, const std::map<std::string, Figure>& figures) {
  static constexpr const char* kEvidence[] = {"command", "git", "date", "machine"};
  const Json machine = machine_context();
  Json record = {{"schema", 1},
                 {"command", command},
                 {"git", git_revision()},
                 {"date", iso_time_now()},
                 {"machine", {{"cpu", machine["cpu"]}, {"cores", machine["cores"]}, {"flags", machine["flags"]}}},
                 {"figures", Json::object()}};
  if (fs::exists(file)) {
    const Json old = read_figures(file);
    // The head of the file speaks for this run; figures of earlier runs take their own evidence along.
    for (const auto& [key, value] : old["figures"].items()) {
      Json kept = value;
      for (const char* field : kEvidence) {
        if (kept.is_object() && !kept.contains(field) && old.contains(field) && old[field] != record[field]) {
          kept[field] = old[field];
        }
      }
      record["figures"][key] = std::move(kept);
    }
    for (const auto& [key, value] : old.items()) {
      if (!record.contains(key)) record[key] = value;
    }
  }
  for (const auto& [key, figure] : figures) record["figures"][key] = figure_to_json(key, figure);
  write_json(file, record);
}

}  // namespace triage
