// triage arch: what an architecture costs before anything is trained.
#include <cstdio>
#include <iostream>

#include "apps/triage/arch_net.h"
#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "family/plain/plain.h"

namespace triage::cli {
namespace {

struct Question {
  plan::InputShape input;
  int classes = 10;
};

Json describe_plain(const family::ArchSpec& spec, const Question& asked) {
  const plan::ArchSpec arch = family::plain_arch(spec);
  const plan::ArchCost cost = plan::arch_cost(arch, asked.input, asked.classes);
  Json layers = Json::array();
  for (const plan::ConvLayer& layer : plan::conv_layers(arch, asked.input)) {
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
          {"input", to_json(asked.input)},
          {"classes", asked.classes},
          {"macs", cost.macs},
          {"parameters", cost.parameters},
          {"peak_activation_elements", cost.peak_activation_elements},
          {"layers", layers}};
}

Json describe(const family::ArchSpec& arch, const Question& asked) {
  return arch.family == family::kPlain ? describe_plain(arch, asked) : describe_net(arch, asked.input, asked.classes);
}

Json describe_space(const family::Space& space, const Question& asked, std::size_t random, std::uint64_t seed) {
  Json description = {{"space", space.text()},
                      {"subnets", space.subnets()},
                      {"smallest", describe(space.smallest(), asked)},
                      {"largest", describe(space.largest(), asked)}};
  if (random == 0) return description;
  description["random"] = Json::array();
  for (const family::ArchSpec& arch : space.sample_distinct(random, seed)) {
    Json subnet = describe(arch, asked);
    subnet.erase("layers");
    description["random"].push_back(subnet);
  }
  return description;
}

std::string how(const Json& layer) {
  if (layer.contains("pool")) return layer["pool"].get<bool>() ? "pool 2x2" : "";
  const int kernel = layer["kernel"].get<int>(), stride = layer["stride"].get<int>();
  return std::format("{0}x{0}{1}{2}", kernel, layer["groups"].get<int>() > 1 ? " depthwise" : "",
                     stride > 1 ? std::format(" /{}", stride) : "");
}

void print_net(const Json& d) {
  std::printf("%-28s %10s %9s %-17s %12s %12s\n", "layer", "channels", "map", "", "MACs", "parameters");
  for (const Json& layer : d["layers"]) {
    std::printf("%-28s %10s %9s %-17s %12lld %12lld\n", layer["name"].get<std::string>().c_str(),
                std::format("{}>{}", layer["in_channels"].get<int>(), layer["out_channels"].get<int>()).c_str(),
                std::format("{}x{}", layer["height"].get<int>(), layer["width"].get<int>()).c_str(), how(layer).c_str(),
                layer["macs"].get<long long>(), layer["parameters"].get<long long>());
  }
  std::printf(
      "total (with the head): %.2f MMAC, %.1f k parameters (%.2f MB in fp32), largest activations %.0f KB in fp32\n",
      d["macs"].get<double>() / 1e6, d["parameters"].get<double>() / 1e3, d["parameters"].get<double>() * 4 / 1e6,
      d["peak_activation_elements"].get<double>() * 4 / 1024);
}

void print_space(const Json& d) {
  std::printf("a space of %.3g subnets\n", d["subnets"].get<double>());
  for (const char* end : {"smallest", "largest"}) {
    std::printf("\n%s: %s\n", end, d[end]["arch"].get<std::string>().c_str());
    print_net(d[end]);
  }
  if (!d.contains("random")) return;
  std::printf("\n%10s %12s  random subnets\n", "MMAC", "k parameters");
  for (const Json& subnet : d["random"]) {
    std::printf("%10.2f %12.1f  %s\n", subnet["macs"].get<double>() / 1e6, subnet["parameters"].get<double>() / 1e3,
                subnet["arch"].get<std::string>().c_str());
  }
}

}  // namespace

int arch_command(int argc, char** argv) {
  CLI::App app{"Prints the layers, MACs, parameters and activation memory of an architecture or of a space's ends",
               "triage arch"};
  std::string text, input_text = "3x32x32", onnx;
  Question asked;
  std::size_t random = 0;
  std::uint64_t seed = 1;
  bool json = false;
  app.add_option(
         "ARCH", text,
         "widths, blocks joined by '-': 24-64,64-192,192-256,256; or a space with ranges: 8:24:8-16:64:8,16:64:8?; or "
         "one of another family: residual:16-16x3-32x3/2-64x3/2, mbconv:16h/2-16e1-24k5e6s4hx2/2; these may end in "
         "@96: "
         "the net sees its image at 96 x 96 pixels (docs/families.md)")
      ->required();
  app.add_option("--input", input_text, "CHANNELSxHEIGHTxWIDTH")->capture_default_str();
  app.add_option("--classes", asked.classes, "")->capture_default_str()->check(CLI::Range(2, 100000));
  app.add_option("--random", random, "of a space: so many random subnets, too")->check(CLI::Range(1, 10000));
  app.add_option("--seed", seed, "of the random subnets, of random weights")->capture_default_str();
  app.add_option("--onnx", onnx, "the net (of a space: the largest) with random weights as this ONNX file, to time")
      ->check(output_file);
  app.add_flag("--json", json, "for machines");
  app.footer("Example: triage arch residual:16-16x3-32x3/2-64x3/2 --input 3x32x32");
  if (!parse_arguments(app, argc, argv)) return 0;
  plan::InputShape& input = asked.input;
  char rest = 0;
  if (std::sscanf(input_text.c_str(), "%dx%dx%d%c", &input.channels, &input.height, &input.width, &rest) != 3 ||
      input.channels < 1 || input.height < 1 || input.width < 1) {
    throw UsageError("--input: expected CHANNELSxHEIGHTxWIDTH such as 3x32x32, found '" + input_text + "'");
  }
  const auto space = family::parse_space(text);
  const bool one = space->subnets() == 1;
  const Json description = one ? describe(space->largest(), asked) : describe_space(*space, asked, random, seed);
  if (!onnx.empty()) write_random_net(space->largest(), input, asked.classes, seed, onnx);
  if (json) {
    std::cout << dump_json(description, 2) << '\n';
  } else if (one) {
    print_net(description);
  } else {
    print_space(description);
  }
  return 0;
}

}  // namespace triage::cli
