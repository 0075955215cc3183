// Nets of the literature in our texts, against the figures that their authors published. MACs of convolutions and
// linear layers, as we count them. Published parameters have a scale and a shift per channel of batch norm; ours,
// folded, have the shift alone.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "family/lower.h"
#include "family/presets.h"

namespace triage::family {
namespace {

struct Published {
  const char *name, *text;
  int side, classes;
  double mmacs, parameters;  // in millions
  double tolerance;          // a share of either
  const char* source;
};

constexpr char kV2[] = "mbconv:32/2-16e1-24e6x2/2-32e6x3/2-64e6x4/2-96e6x3-160e6x3/2-320e6-c1280";
constexpr char kV3Small[] =
    "mbconv:16h/2-16e1s4/2-24m72,m88/2-40k5m96s4h,k5m240s4hx2/2-48k5m120s4h,k5m144s4h-96k5m288s4h,k5m576s4hx2/2-c576h-"
    "f1024h";
constexpr char kV3Large[] =
    "mbconv:16h/2-16e1-24m64,m72/2-40k5m72s4,k5m120s4x2/2-80m240h,m200h,m184hx2/2-112m480s4h,m672s4h-160k5m672s4h,"
    "k5m960s4hx2/2-c960h-f1280h";

constexpr Published kPublished[] = {
    {"ResNet-20", "residual:16-16x3-32x3/2-64x3/2", 32, 10, 40.8, 0.27, 0.01,
     "He et al. 2016, table 6 (parameters); MACs with 1x1 skips: osmr/imgclsmob has 41.3, with batch norms"},
    {"ResNet-56", "residual:16-16x9-32x9/2-64x9/2", 32, 10, 126, 0.85, 0.01, "the same; osmr 127"},
    {"ResNet-110", "residual:16-16x18-32x18/2-64x18/2", 32, 10, 253, 1.72, 0.01, "the same; osmr 255"},
    {"WRN-16-4", "residual:16-64x2-128x2/2-256x2/2", 32, 10, 391, 2.75, 0.02,
     "Zagoruyko, Komodakis 2016, \"Wide Residual Networks\" (parameters); MACs: our arithmetic from its table 1"},
    {"ResNet-18", "residual:64k7/4-64x2-128x2/2-256x2/2-512x2/2", 224, 1000, 1814, 11.69, 0.01,
     "torchvision: 1.814 GMAC (its GFLOPS column), 11,689,512 parameters"},
    {"MobileNetV2", kV2, 224, 1000, 300, 3.50, 0.01, "Sandler et al. 2018: 300 M, 3.4 M; torchvision 3,504,872"},
    {"MobileNetV3-Small", kV3Small, 224, 1000, 56.5, 2.54, 0.01,
     "Howard et al. 2019: 56 M, 2.5 M; torchvision 2,542,856"},
    {"MobileNetV3-Large", kV3Large, 224, 1000, 218, 5.48, 0.01,
     "Howard et al. 2019: 219 M, 5.4 M; torchvision 5,483,032"},
};

class PublishedNets : public testing::TestWithParam<Published> {};

TEST_P(PublishedNets, HasTheFiguresOfItsPaper) {
  const Published& net = GetParam();
  const ArchSpec arch = ArchSpec::parse(net.text);
  EXPECT_EQ(arch.text(), net.text);
  const model::Counts counts = count(arch, {3, net.side, net.side}, net.classes);
  EXPECT_NEAR(double(counts.macs) / 1e6, net.mmacs, net.tolerance * net.mmacs) << net.source;
  EXPECT_NEAR(double(counts.parameters) / 1e6, net.parameters, net.tolerance * net.parameters) << net.source;
  EXPECT_TRUE(counts.not_counted.empty());
  EXPECT_GT(counts.peak_activation_bytes, 0);
  const NetSize size = size_of(blueprint(arch, {3, net.side, net.side}, net.classes));
  EXPECT_EQ(size.macs, counts.macs);
  EXPECT_EQ(size.parameters, counts.parameters);
}

INSTANTIATE_TEST_SUITE_P(Nets, PublishedNets, testing::ValuesIn(kPublished),
                         [](const testing::TestParamInfo<Published>& shown) {
                           std::string name = shown.param.name;
                           std::erase(name, '-');
                           return name;
                         });

// The rows "| side | `net` | MMAC | M parameters |", which are the presets, and "| side | `space` | MMAC to MMAC |" of
// docs/families.md. The numbers of the residual and mbconv nets up to 32 and from 96 pixels came from arithmetic apart
// from this code, the others from `triage arch`.
TEST(FamiliesPage, ItsTablesAreWhatWeCount) {
  std::ifstream page(TRIAGE_FAMILIES_PAGE);
  const std::regex row(R"(\| (\d+) \| `([^`]+)` \| ([0-9.]+) (?:\| ([0-9.]+)|to ([0-9.]+)) \|.*)");
  int spaces = 0;
  std::vector<std::pair<int, std::string>> nets, given;
  for (std::string line; std::getline(page, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, row)) continue;
    const int side = std::stoi(found[1]);
    const auto space = parse_space(found[2].str());
    EXPECT_EQ(space->text(), found[2].str());
    const auto counted = [&](const ArchSpec& arch) { return count(arch, {3, side, side}, 10); };
    const model::Counts least = counted(space->smallest());
    EXPECT_NEAR(double(least.macs) / 1e6, std::stod(found[3]), 0.006) << line;
    if (found[4].matched) {
      EXPECT_EQ(space->subnets(), 1);
      EXPECT_NEAR(double(least.parameters) / 1e6, std::stod(found[4]), 0.0006) << line;
      nets.emplace_back(side, found[2].str());
    } else {
      EXPECT_NEAR(double(counted(space->largest()).macs) / 1e6, std::stod(found[5]), 0.006) << line;
      ++spaces;
    }
  }
  for (const Preset& preset : presets()) given.emplace_back(preset.side, preset.arch);
  EXPECT_EQ(nets, given);
  EXPECT_EQ(spaces, 5);
}

// By hand: the squeezed channels are 1, 2 and 4, three blocks of each; weights and biases of both layers.
TEST(SqueezeExcite, ParametersOfSeResNet20) {
  const auto parameters = [](const char* text) { return count(ArchSpec::parse(text), {3, 32, 32}, 10).parameters; };
  const auto of = [](int channels, int squeezed) { return 2 * channels * squeezed + squeezed + channels; };
  const int more = parameters("residual:16-16s16x3-32s16x3/2-64s16x3/2") - parameters("residual:16-16x3-32x3/2-64x3/2");
  EXPECT_EQ(more, 3 * (of(16, 1) + of(32, 2) + of(64, 4)) - 3);  // a bias of one number counts as none (counts.h)
}

}  // namespace
}  // namespace triage::family
