// triage arch: what an architecture costs before anything is trained.
#include <cstdio>
#include <iostream>

#include "apps/triage/program/command.h"
#include "plan/space.h"

namespace triage::cli {
namespace {

Json describe(const plan::ArchSpec& arch, const plan::InputShape& input, int classes) {
  const plan::ArchCost cost = plan::arch_cost(arch, input, classes);
  Json layers = Json::array();
  for (const plan::ConvLayer& layer : plan::conv_layers(arch, input)) {
    layers.push_back({{"name", layer.name()},
                      {"in_channels", layer.in_channels},
                      {"out_channels", layer.out_channels},
                      {"height", layer.height},
                      {"width", layer.width},
                      {"pool", layer.pool},
                      {"macs", layer.macs},
                      {"parameters", layer.parameters}});
  }
  return {{"arch", arch.text()},
          {"input", to_json(input)},
          {"classes", classes},
          {"macs", cost.macs},
          {"parameters", cost.parameters},
          {"peak_activation_elements", cost.peak_activation_elements},
          {"layers", layers}};
}

Json describe_space(const plan::SearchSpace& space, const plan::InputShape& input, int classes) {
  return {{"space", space.text()},
          {"subnets", space.subnets()},
          {"smallest", describe(space.smallest(), input, classes)},
          {"largest", describe(space.largest(), input, classes)}};
}

void print(const Json& d) {
  std::printf("%-14s %9s %9s %5s %12s %12s\n", "layer", "channels", "map", "pool", "MACs", "parameters");
  for (const Json& layer : d["layers"]) {
    std::printf("%-14s %9s %9s %5s %12lld %12lld\n", layer["name"].get<std::string>().c_str(),
                std::format("{}>{}", layer["in_channels"].get<int>(), layer["out_channels"].get<int>()).c_str(),
                std::format("{}x{}", layer["height"].get<int>(), layer["width"].get<int>()).c_str(),
                layer["pool"].get<bool>() ? "2x2" : "", layer["macs"].get<long long>(),
                layer["parameters"].get<long long>());
  }
  std::printf(
      "total (with the head): %.2f MMAC, %.1f k parameters (%.2f MB in fp32), largest activations %.0f KB in fp32\n",
      d["macs"].get<double>() / 1e6, d["parameters"].get<double>() / 1e3, d["parameters"].get<double>() * 4 / 1e6,
      d["peak_activation_elements"].get<double>() * 4 / 1024);
}

}  // namespace

int arch_command(int argc, char** argv) {
  CLI::App app{"Prints the layers, MACs, parameters and activation memory of an architecture or of a space's ends",
               "triage arch"};
  std::string text, input_text = "3x32x32";
  int classes = 10;
  bool json = false;
  app.add_option(
         "ARCH", text,
         "widths, blocks joined by '-': 24-64,64-192,192-256,256; or a space with ranges: 8:24:8-16:64:8,16:64:8?")
      ->required();
  app.add_option("--input", input_text, "CHANNELSxHEIGHTxWIDTH")->capture_default_str();
  app.add_option("--classes", classes, "")->capture_default_str()->check(CLI::Range(2, 100000));
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage arch 24-64,64-192,192-256,256 --input 3x32x32");
  if (!parse_arguments(app, argc, argv)) return 0;
  plan::InputShape input;
  char rest = 0;
  if (std::sscanf(input_text.c_str(), "%dx%dx%d%c", &input.channels, &input.height, &input.width, &rest) != 3 ||
      input.channels < 1 || input.height < 1 || input.width < 1) {
    throw UsageError("--input: expected CHANNELSxHEIGHTxWIDTH such as 3x32x32, found '" + input_text + "'");
  }
  const plan::SearchSpace space = plan::SearchSpace::parse(text);
  const bool one = space.subnets() == 1;
  const Json description = one ? describe(space.largest(), input, classes) : describe_space(space, input, classes);
  if (json) {
    std::cout << dump_json(description, 2) << '\n';
  } else if (one) {
    print(description);
  } else {
    std::printf("a space of %.3g subnets\n", space.subnets());
    for (const char* end : {"smallest", "largest"}) {
      std::printf("\n%s: %s\n", end, description[end]["arch"].get<std::string>().c_str());
      print(description[end]);
    }
  }
  return 0;
}

}  // namespace triage::cli
