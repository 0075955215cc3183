#include "compiler/kernel/kernel_set.h"

#include "core/error.h"
#include "core/system/process.h"

namespace triage::compiler {
namespace {

constexpr double kSilentSeconds = 600;

// A C identifier made of a key's and a schedule's text.
std::string symbol_of(const std::string& text) {
  std::string name = "triage_";
  for (const char letter : text) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
    if (plain || !name.ends_with('_')) name += plain ? letter : '_';
  }
  return name;
}

}  // namespace

std::string KernelSet::add(const KernelKey& key, const Schedule& schedule) {
  KernelKey whole = key;
  whole.threads = 1;  // the code is the same for any share
  const std::string name = symbol_of(whole.text() + " " + schedule.text());
  kernels_.try_emplace(name, LibraryKernel{.edge = {}, .key = whole, .schedule = schedule});
  return name;
}

std::string KernelSet::add(const EdgeKey& key) {
  const std::string name = symbol_of(key.text());
  kernels_.try_emplace(name, LibraryKernel{.edge = key, .key = {}, .schedule = {}});
  return name;
}

void KernelSet::write(const fs::path& file, const fs::path& program, StopToken stop) const {
  run_checked({.command = {program.string(), "library", file.string()},
               .input = to_json(*this).dump(),
               .input_file = {},
               .silence_seconds = kSilentSeconds,
               .on_output = {},
               .stop = stop});
  if (!fs::is_regular_file(file)) fail("{}: expected a library from {}, found none", file.string(), program.string());
}

Json to_json(const KernelSet& library) {
  Json kernels = Json::array();
  for (const auto& [name, kernel] : library.kernels()) {
    Json one{{"symbol", name}};
    if (kernel.edge) {
      one["edge"] = kernel.edge->text();
    } else {
      one["kernel"] = kernel.key.text();
      one["schedule"] = kernel.schedule.text();
    }
    kernels.push_back(one);
  }
  return {{"target", library.target().text()}, {"kernels", kernels}};
}

KernelSet kernel_set_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  KernelSet library(target_from_text(reader.get<std::string>("target")));
  const JsonReader kernels = reader.at("kernels");
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const JsonReader kernel = kernels.at(i);
    const auto wanted = kernel.get<std::string>("symbol");
    const std::string made = kernel.has("edge") ? library.add(EdgeKey::parse(kernel.get<std::string>("edge")))
                                                : library.add(KernelKey::parse(kernel.get<std::string>("kernel")),
                                                              Schedule::parse(kernel.get<std::string>("schedule")));
    if (made != wanted) fail("{}: symbol: found '{}', expected '{}'", kernel.where(), wanted, made);
  }
  return library;
}

}  // namespace triage::compiler
