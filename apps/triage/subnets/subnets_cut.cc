// triage subnets cut: a subnet as a network of its own.
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "apps/triage/subnets/subnet_choice.h"
#include "apps/triage/subnets/subnets.h"
#include "workflow/study/cut_subnet.h"

namespace triage::cli {

int subnets_cut(int argc, char** argv) {
  CLI::App app{"Writes a subnet as a network of its own: batch statistics measured, then folded into an ONNX file",
               "triage subnets cut"};
  std::string directory, text, out = "subnet.onnx";
  train::RecalibrationOptions recalibration;
  app.add_option("DIR", directory, "run or zoo directory with supernet.pt and config.toml")->required();
  app.add_option("ARCH", text, "the subnet, or 'largest' or 'smallest'")->required();
  app.add_option("--out", out, "ONNX file; the weights go beside it, as .pt")
      ->capture_default_str()
      ->check(output_file);
  app.add_option("--recalibration-images", recalibration.images, "training images for batch statistics")
      ->capture_default_str()
      ->check(CLI::Range(16, 1'000'000));
  app.footer("Example: triage subnets cut zoo/cifar10-supernet 12-32-96,96-128 --out little.onnx");
  if (!parse_arguments(app, argc, argv)) return 0;
  const fs::path onnx = out, weights = fs::path(out).replace_extension(".pt");
  if (onnx.extension() != ".onnx") throw UsageError("--out: expected an .onnx file, found '" + out + "'");
  require_output_file(onnx);
  require_output_file(weights);

  const workflow::OpenSupernet supernet(directory, show_progress(false), train::ComputeType::fp32);
  const family::ArchSpec subnet = workflow::subnet_of(*supernet.space(), text);
  const family::NetSize size = workflow::cut_subnet(supernet, subnet, recalibration, onnx, weights);
  std::printf("%s: %.2f MMAC, %.1f k parameters, %.2f MB; equal to LibTorch on validation images\n%s: its weights\n",
              onnx.c_str(), static_cast<double>(size.macs) / 1e6, static_cast<double>(size.parameters) / 1e3,
              static_cast<double>(fs::file_size(onnx)) / 1e6, weights.c_str());
  return 0;
}

}  // namespace triage::cli
