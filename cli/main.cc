// The program: a table of subcommands. Exit codes: 0 ok, 1 failed, 2 bad usage.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/machine.h"
#include "core/stop.h"
#include "core/text.h"
#include "core/warning.h"
#include "triage/classifier.h"

namespace {

using namespace triage::cli;

const Command kCommands[] = {
    {"data", "import, download or inspect a data set", data_command},
    {"arch", "layers, MACs, parameters and memory of an architecture", arch_command},
    {"train", "train the networks of a configuration (resumable)", train_command},
    {"subnets", "score, cut and refine subnets of a trained supernet", subnets_command, subnets_actions()},
    {"costs", "measure a search space's layers: the latency of any of its stages", costs_command},
    {"search", "find architectures, exits, routing and thresholds together (resumable)", search_command},
    {"coopt", "the same search under several cost models, and what the wrong ones lose (resumable)", coopt_command},
    {"refine", "plan a run that trains the nets of a search's plan on", refine_command},
    {"build", "turn trained networks into a plan: export, measure, route", build_command},
    {"run", "train, build, eval and report in one go (resumable)", run_command},
    {"quantize", "a finished plan in int8", quantize_command},
    {"tune", "find fast schedules for the kernels of a plan (resumable)", tune_command},
    {"compile", "make kernels of a plan's stages, for the engine 'compiled'", compile_command},
    {"profile", "measure latency of a plan's stages, on this machine or another device", profile_command},
    {"eval", "accuracy and latency of a plan on the test split", eval_command},
    {"compare", "two plans side by side on the test split", compare_command},
    {"report", "pictures and report.html of a run", report_command},
    {"predict", "classify image files with a plan", predict_command},
    {"export", "write a whole plan as one standard ONNX file", export_command},
    {"doctor", "what this machine has for Triage, and what stands in its way", doctor_command},
    {"completion", "what a shell offers behind 'triage': bash, zsh or fish", completion_command},
};

int usage(std::FILE* out) {
  std::fprintf(
      out,
      "triage %s: decides, per input image, how much network the image needs\n\nusage: triage COMMAND [OPTIONS]\n\n",
      triage::version());
  list_commands(out, kCommands);
  std::fprintf(out, "\n'triage COMMAND --help' explains a command and shows an example.\n");
  return out == stdout ? 0 : 2;
}

}  // namespace

std::span<const Command> triage::cli::all_commands() { return kCommands; }

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  guard_terminal();
  triage::set_warning_sink(print_warning);
  if (argc < 2) return usage(stderr);
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h") || !std::strcmp(argv[1], "help"))
    return usage(stdout);
  if (!std::strcmp(argv[1], "--version")) {
    const triage::CpuLimit cpus = triage::cpu_limit();
    const triage::MemoryLimit memory = triage::memory_limit();
    std::printf("triage %s (%s)\ncpus: %d usable (%s)\n", triage::version(), triage::git_revision().c_str(), cpus.count,
                cpus.why.c_str());
    if (!memory.why.empty())
      std::printf("memory: %s %s\n", triage::size_text(memory.bytes).c_str(), memory.why.c_str());
    return 0;
  }
  const Command* const command = find_command(kCommands, argv[1]);
  if (!command) {
    std::fprintf(stderr, "triage: '%s' is not a command.\n\n", triage::printable(argv[1]).c_str());
    return usage(stderr);
  }
  try {
    triage::install_end_handler();
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
