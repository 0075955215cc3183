#include "family/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "model/interpreter/interpreter.h"

namespace triage::family {
namespace {

using testing::HasSubstr;

constexpr const char* kNets[] = {
    "8-8,12-16",
    "residual:8-8s4x2-16b4,b8h/2",
    "residual:8/4-8m4x2-12/2",
    "mbconv:8h/2-8e1-12k5e3s4hx2/2-12m20-c24h-f20h",
};

model::Tensor image(const Lowered& lowered, std::uint64_t seed, const char* name = "image") {
  const model::Value& value = lowered.graph.value(lowered.graph.find(name));
  model::Tensor tensor{model::Type::float32, {1}, {}};
  for (std::size_t d = 1; d < value.shape->size(); ++d) tensor.dims.push_back((*value.shape)[d].size);
  Rng rng(seed);
  tensor.values.resize(static_cast<std::size_t>(model::elements(tensor.dims)));
  for (double& v : tensor.values) v = static_cast<float>(rng.uniform());
  return tensor;
}

TEST(Lower, PlainCostsWhatPlanSays) {
  for (const char* text : {"24-64,64-192,192-256,256", "8-16", "4,4-8,8-8-8"}) {
    const plan::ArchCost cost = plan::arch_cost(plan::ArchSpec::parse(text), {3, 32, 30}, 10);
    const model::Counts counts = count(ArchSpec::parse(text), {3, 32, 30}, 10);
    EXPECT_EQ(counts.macs, cost.macs);
    EXPECT_EQ(counts.parameters, cost.parameters);
    const NetSize size = size_of(blueprint(ArchSpec::parse(text), {3, 32, 30}, 10));
    EXPECT_EQ(size.macs, cost.macs);
    EXPECT_EQ(size.parameters, cost.parameters);
  }
}

TEST(Lower, InferredShapesAreTheBlueprints) {
  for (const char* text : kNets) {
    const Blueprint net = blueprint(ArchSpec::parse(text), {3, 21, 18}, 7);
    const Lowered lowered = lower(net, zero_weights(), {.features = 0, .carry = 1});
    for (const Layer& layer : net.layers) {
      if (layer.kind != LayerKind::conv && layer.kind != LayerKind::add && layer.kind != LayerKind::squeeze_excite)
        continue;
      const model::Shape& shape = *lowered.graph.value(lowered.graph.find(layer.name)).shape;
      EXPECT_EQ(shape[1].size, layer.out_channels) << text << " " << layer.name;
      EXPECT_EQ(shape[2].size, layer.height) << text << " " << layer.name;
      EXPECT_EQ(shape[3].size, layer.width) << text << " " << layer.name;
    }
    EXPECT_EQ(lowered.sections.size(), net.section_ends.size());
    EXPECT_THAT(lowered.graph.outputs, testing::SizeIs(3));
  }
}

// A net cut behind a section and gone on with gives what it gives whole.
TEST(Lower, TheTwoPartsOfACutGiveTheWhole) {
  for (const char* text : kNets) {
    const ArchSpec arch = ArchSpec::parse(text);
    const plan::InputShape input{3, 16, 16};
    const Weights weights = random_weights(3);
    const Lowered whole = lower(blueprint(arch, input, 5), weights, {.features = 1});
    const Lowered first = lower(blueprint(prefix(arch, 1), input, 5), weights, {.carry = 0});
    const Lowered second = lower(blueprint(arch, input, 5), weights, {.first_section = 1, .features = 1});
    const model::Tensor x = image(whole, 1);
    const auto expected = model::interpret(whole.graph, {{"image", x}});
    const auto carried = model::interpret(first.graph, {{"image", x}}).at("carry");
    const auto found = model::interpret(second.graph, {{"carry_in", carried}});
    EXPECT_EQ(found.at("logits").values, expected.at("logits").values) << text;
    EXPECT_EQ(found.at("features").values, expected.at("features").values) << text;
    double largest = 0;
    for (const double logit : expected.at("logits").values) largest = std::max(largest, std::abs(logit));
    EXPECT_GT(largest, 1e-3) << text;
    EXPECT_LT(largest, 1e3) << text;
  }
}

TEST(Lower, NormalisingIsAPartOfTheNet) {
  const Blueprint net = blueprint(ArchSpec::parse("mbconv:8/2-8e2"), {2, 9, 9}, 3);
  const Weights weights = random_weights(4);
  const Lowered plain = lower(net, weights), with = lower(net, weights, {.mean = {0.5F, 0.25F}, .stddev = {0.5F, 2}});
  const model::Tensor x = image(with, 1);
  model::Tensor normalised = x;
  for (std::size_t i = 0; i < x.values.size(); ++i)
    normalised.values[i] = i < 81 ? (x.values[i] - 0.5) / 0.5 : (x.values[i] - 0.25) / 2;
  const auto expected = model::interpret(plain.graph, {{"image", normalised}}).at("logits").values;
  const auto found = model::interpret(with.graph, {{"image", x}}).at("logits").values;
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
}

TEST(Lower, RefusesWhatDoesNotFit) {
  const Blueprint net = blueprint(ArchSpec::parse("residual:8-8-8"), {3, 8, 8}, 3);
  EXPECT_THAT(error_of([&] { lower(net, zero_weights(), {.features = 2}); }),
              HasSubstr("features: expected a section from 0 to 1, found 2"));
  EXPECT_THAT(error_of([&] { lower(net, zero_weights(), {.first_section = 1, .carry = 0}); }),
              HasSubstr("carry: expected a section from 1 to 1, found 0"));
  EXPECT_THAT(error_of([&] { lower(net, zero_weights(), {.mean = {1}, .stddev = {1}}); }), HasSubstr("3 means"));
  const Weights none = [](const std::string&, const model::Dims&) { return std::vector<float>(); };
  EXPECT_THAT(error_of([&] { lower(net, none); }), HasSubstr("stem/weight: expected 216 numbers, found 0"));
}

}  // namespace
}  // namespace triage::family
