// triage doctor: what this machine has for Triage, and what stands in its way.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "apps/triage/program/command.h"
#include "core/system/machine.h"
#include "core/system/process.h"
#include "core/text.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "report/draw/picture_text.h"
#include "train/trainer.h"
#include "triage/classifier.h"
#include "workflow/build/kernels_program.h"

namespace triage::cli {
namespace {

constexpr double kBusyShare = 0.25;      // of the cores: measurements are disturbed
constexpr double kLittleMemoryKb = 2e6;  // less than training and kernels want

struct Finding {
  std::string what, found, advice;  // no advice: all is well
};

Finding tool(const std::string& name, const std::vector<std::string>& command, const std::string& advice) {
  Finding missing{name, "not found", advice};
  try {
    const ProcessResult result = run_process({.command = command, .silence_seconds = 10});
    return result.exit_code == 0 ? Finding{name, result.output.substr(0, result.output.find('\n')), ""} : missing;
  } catch (const Error&) {
    return missing;
  }
}

Finding load() {
  double average = 0;
  if (::getloadavg(&average, 1) != 1) return {"load", "unknown", ""};
  const double cores = std::max(1.0, machine_context().value("cores", 1.0));
  Finding finding{"load", std::format("{:.2f} in the last minute", average), ""};
  if (average > kBusyShare * cores) finding.advice = "others use this machine: measured latencies will be disturbed";
  return finding;
}

Finding memory() {
  std::ifstream lines("/proc/meminfo");
  std::string key, unit;
  double kb = 0;
  while (lines >> key >> kb && std::getline(lines, unit)) {
    if (key != "MemAvailable:") continue;
    Finding finding{"memory available", std::format("{:.1f} GB", kb / 1e6), ""};
    if (kb < kLittleMemoryKb) finding.advice = "training and compiling kernels may run out of memory";
    return finding;
  }
  return {"memory available", "unknown", ""};
}

Finding kernels() {
  try {
    return {"triage-kernels", workflow::kernels_program().string(), ""};
  } catch (const Error& error) {
    return {"triage-kernels", error.what(), "'triage compile' and 'tune' need it: make builds it beside triage"};
  }
}

Finding data_packages() {
  std::string found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator("/usr/share/datasets", ignored))
    found += (found.empty() ? "" : ", ") + entry.path().filename().string();
  if (!found.empty()) return {"data packages", found, ""};
  return {"data packages", "none", "'make demo' uses dataset-fashion-mnist; scripts/setup installs it"};
}

Finding fonts() {
  if (report::drawable("µ") != "µ")
    return {"fonts", "none that has more than ASCII", "fonts-dejavu-core: names in pictures become U+..."};
  if (report::drawable("中") != "中")
    return {"fonts", "Latin", "fonts-unifont: other scripts in pictures become U+..."};
  return {"fonts", "Latin, East Asian", ""};
}

std::vector<Finding> findings() {
  std::vector<Finding> out{{"triage", std::format("{} ({})", version(), git_revision()), ""}};
  const Json machine = machine_context();
  for (const auto& [key, value] : machine.items()) {
    if (!value.is_null()) out.push_back({key, value.is_string() ? value.get<std::string>() : value.dump(), ""});
    if (key == "governor" && value.is_string() && value != "performance")
      out.back().advice = "clock rates change: measured latencies depend on what ran before";
  }
  out.push_back(load());
  out.push_back(memory());
  out.push_back({"ONNX Runtime", engine::version_of({}), ""});
  out.push_back({"LibTorch", train::libtorch_version(), ""});
  out.push_back(kernels());
  out.push_back(tool("compiler", {"c++", "--version"}, "g++: 'triage compile' links kernels with it"));
  out.push_back(tool("gnuplot", {"gnuplot", "--version"}, "gnuplot-nox: reports and pictures need it"));
  out.push_back(fonts());
  out.push_back(data_packages());
  return out;
}

}  // namespace

int doctor_command(int argc, char** argv) {
  CLI::App app{"Tells what this machine has for Triage: CPU, engines, compiler, fonts, data, load", "triage doctor"};
  bool json = false;
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage doctor");
  if (!parse_arguments(app, argc, argv)) return 0;
  const std::vector<Finding> all = findings();
  if (json) {
    Json out = Json::array();
    for (const Finding& one : all) {
      out.push_back({{"what", one.what},
                     {"found", printable_line(one.found)},
                     {"advice", one.advice.empty() ? Json(nullptr) : Json(one.advice)}});
    }
    std::cout << out.dump(2) << '\n';
    return 0;
  }
  for (const Finding& one : all) {
    std::printf("%s %s\n", padded(one.what, 18).c_str(), printable_line(one.found).c_str());
    if (!one.advice.empty()) std::printf("%s ! %s\n", padded("", 18).c_str(), one.advice.c_str());
  }
  return 0;
}

}  // namespace triage::cli
