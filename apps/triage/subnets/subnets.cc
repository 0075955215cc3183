#include "apps/triage/subnets/subnets.h"

#include <cstdio>
#include <cstring>

namespace triage::cli {
namespace {

#ifdef TRIAGE_WITHOUT_PACKAGES
constexpr auto subnets_cut = absent_command, subnets_compare = absent_command;
#endif

constexpr Command kActions[] = {
    {"eval", "accuracy of subnets at every exit; answers are kept in a store", subnets_eval},
    {"cut", "write a subnet as a network of its own: ONNX and weights", subnets_cut},
    {"alone", "print a configuration that trains subnets alone, as the supernet is trained", subnets_alone},
    {"compare", "subnets against the same nets trained alone", subnets_compare},
    {"pack", "copy a supernet with weights in bf16, for a zoo", subnets_pack},
};

}  // namespace

std::span<const Command> subnets_actions() { return kActions; }

namespace {

int usage(std::FILE* out) {
  std::fprintf(out, "Subnets of a trained supernet\n\nusage: triage subnets ACTION [OPTIONS]\n\n");
  list_commands(out, kActions);
  std::fprintf(out, "\nExample: triage subnets eval zoo/cifar10-supernet --random 20\n");
  return out == stdout ? 0 : 2;
}

}  // namespace

int subnets_command(int argc, char** argv) {
  if (argc < 2) return usage(stderr);
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h")) return usage(stdout);
  if (const Command* action = find_command(kActions, argv[1])) return action->run(argc - 1, argv + 1);
  throw UsageError("'" + std::string(argv[1]) + "' is not an action");
}

}  // namespace triage::cli
