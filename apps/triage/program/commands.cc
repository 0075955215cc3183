// The table of subcommands, and what leads to one. Exit codes: 0 ok, 1 failed, 2 bad usage.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "apps/triage/program/command.h"
#include "apps/triage/program/entry.h"
#include "apps/triage/program/terminal.h"
#include "core/files/user_cache.h"
#include "core/system/limits.h"
#include "core/system/stop.h"
#include "core/text.h"
#include "core/warning.h"
#ifdef TRIAGE_TRAINING
#include "supernet/kernel_choice.h"
#endif

namespace {

using namespace triage::cli;

#define TRIAGE_HERE(name, help) {#name, help, name##_command, parts_of(#name)},
#define TRIAGE_ELSEWHERE(name, help) {#name, help, nullptr},  // in the list alone: main() asks the other library
#define TRIAGE_ABSENT(name, help) {#name, help, absent_command},
#ifdef TRIAGE_WITHOUT_PACKAGES
#define TRIAGE_NEEDS_packages TRIAGE_ABSENT
#define TRIAGE_NEEDS_both TRIAGE_ABSENT
#else
#define TRIAGE_NEEDS_packages TRIAGE_HERE
#endif
#ifdef TRIAGE_TRAINING
#define TRIAGE_NEEDS_libtorch TRIAGE_HERE
#else
#define TRIAGE_NEEDS_libtorch TRIAGE_ELSEWHERE
#endif
#ifndef TRIAGE_NEEDS_both
#define TRIAGE_NEEDS_both TRIAGE_NEEDS_libtorch
#endif
#define TRIAGE_NEEDS_nothing TRIAGE_HERE
#define TRIAGE_COMMAND(name, needs, help) TRIAGE_NEEDS_##needs(name, help)

std::span<const Command> parts_of([[maybe_unused]] std::string_view name) {
#ifdef TRIAGE_TRAINING
  if (name == "subnets") return subnets_actions();
#endif
  return {};
}

const Command kCommands[] = {
#include "apps/triage/program/commands.inc"
};

int print_usage(std::FILE* out) {
  std::fprintf(
      out,
      "triage %s: decides, per input image, how much network the image needs\n\nusage: triage COMMAND [OPTIONS]\n\n",
      TRIAGE_VERSION);
  list_commands(out, kCommands);
  std::fprintf(out, "\n'triage COMMAND --help' explains a command and shows an example.\n");
  return out == stdout ? 0 : 2;
}

}  // namespace

std::span<const Command> triage::cli::all_commands() { return kCommands; }

int triage_main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  guard_terminal();
  triage::set_warning_sink(print_warning);
  if (argc < 2) return print_usage(stderr);
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h") || !std::strcmp(argv[1], "help"))
    return print_usage(stdout);
  const Command* const command = find_command(kCommands, argv[1]);
  if (!command || !command->run) {
    std::fprintf(stderr, "triage: '%s' is not a command.\n\n", triage::printable(argv[1]).c_str());
    return print_usage(stderr);
  }
  try {
    triage::install_end_handler();
#ifdef TRIAGE_TRAINING
    triage::supernet::remember_kernels(triage::user_cache_directory());
#endif
    return command->run(argc - 1, argv + 1);
  } catch (const triage::UsageError& error) {
    std::fprintf(stderr, "triage %s: %s\n'triage %s --help' shows the options.\n", command->name,
                 triage::printable(error.what()).c_str(), command->name);
    return 2;
  } catch (const std::bad_alloc&) {
    const triage::MemoryLimit memory = triage::memory_limit();
    std::fprintf(stderr, "triage %s: out of memory: an allocation failed; found %s %s\n", command->name,
                 triage::size_text(memory.bytes).c_str(), memory.why.c_str());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "triage %s: %s\n", command->name, triage::printable(error.what()).c_str());
    return 1;
  }
}
