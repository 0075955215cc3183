// The program: says its version itself, and opens the library that has the subcommand for everything else.
#include <dlfcn.h>

#include <cstdio>
#include <string_view>

#include "apps/triage/program/entry.h"
#include "core/system/limits.h"
#include "core/system/machine.h"

namespace {

namespace fs = std::filesystem;

int print_version() {
  const triage::CpuLimit cpus = triage::cpu_limit();
  const triage::MemoryLimit memory = triage::memory_limit();
  std::printf("triage %s (%s)\ncpus: %d usable (%s)\n", TRIAGE_VERSION, triage::git_revision().c_str(), cpus.count,
              cpus.why.c_str());
  if (!memory.why.empty()) std::printf("memory: %s %s\n", triage::size_text(memory.bytes).c_str(), memory.why.c_str());
  return 0;
}

bool needs_training(std::string_view command) {
  enum class Needs { nothing, packages, libtorch, both };
#define TRIAGE_COMMAND(name, needs, help) \
  if (command == #name) return Needs::needs >= Needs::libtorch;
#include "apps/triage/program/commands.inc"
  return false;
}

// Where the build leaves it, or where `cmake --install` puts it.
fs::path library_of(std::string_view command) {
  const char* const name = needs_training(command) ? TRIAGE_TRAINING_LIBRARY : TRIAGE_COMMANDS_LIBRARY;
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  return fs::exists(here / name) ? here / name : (here / TRIAGE_INSTALLED_LIBRARIES / name).lexically_normal();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "--version") return print_version();
  void* const library = ::dlopen(library_of(command).c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const entry = library == nullptr ? nullptr : ::dlsym(library, "triage_main");
  if (entry == nullptr) {
    std::fprintf(stderr, "triage: expected the library with its commands: %s\n", ::dlerror());
    return 1;
  }
  return reinterpret_cast<decltype(&triage_main)>(entry)(argc, argv);
}
