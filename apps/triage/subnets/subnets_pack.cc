// triage subnets pack: a supernet for a zoo.
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "apps/triage/subnets/subnets.h"
#include "workflow/study/cut_subnet.h"

namespace triage::cli {

int subnets_pack(int argc, char** argv) {
  CLI::App app{"Copies what is needed to cut and score subnets, with weights in bf16", "triage subnets pack"};
  std::string directory, out;
  app.add_option("DIR", directory, "run directory of the supernet")->required();
  app.add_option("--out", out, "directory to make")->required()->check(output_directory);
  app.footer("Example: triage subnets pack runs/cifar10-supernet --out zoo/cifar10-supernet");
  if (!parse_arguments(app, argc, argv)) return 0;

  const workflow::OpenSupernet supernet(directory, show_progress(false), train::ComputeType::fp32);
  workflow::pack_supernet(supernet, out);
  const fs::path packed = fs::path(out) / "supernet.pt";
  std::printf("%s: %.2f MB\n", packed.c_str(), static_cast<double>(fs::file_size(packed)) / 1e6);
  return 0;
}

}  // namespace triage::cli
