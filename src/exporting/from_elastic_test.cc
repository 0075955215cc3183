#include "exporting/from_elastic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "model/interpreter/interpreter.h"

namespace triage::exporting {
namespace {

constexpr plan::InputShape kInput{3, 20, 20};
constexpr int kClasses = 5, kImages = 4;

at::Tensor images() { return torch::rand({kImages, 3, kInput.height, kInput.width}); }

// With statistics, scales and shifts that are not the initial ones.
supernet::ElasticNetwork trained(const char* space, supernet::ElasticOptions options) {
  supernet::ElasticNetwork network(space, kInput, kClasses, options, /*seed=*/3);
  torch::manual_seed(4);
  const torch::NoGradGuard no_gradients;
  for (const auto& [name, values] : network->trainable_biases()) at::Tensor(values).add_(at::randn_like(values), 0.2);
  network->train();
  for (int step = 0; step < 5; ++step) network->forward(images());
  return network;
}

model::Tensor tensor_of(const at::Tensor& t) {
  const at::Tensor dense = t.detach().to(at::kDouble).contiguous();
  const double* const data = dense.const_data_ptr<double>();
  return {model::Type::float32, dense.sizes().vec(), {data, data + dense.numel()}};
}

void expect_near(const model::Tensor& found, const at::Tensor& expected, const std::string& what) {
  const model::Tensor wanted = tensor_of(expected);
  ASSERT_EQ(found.values.size(), wanted.values.size()) << what;
  for (std::size_t i = 0; i < wanted.values.size(); ++i)  // sums in fp32 against sums in double
    EXPECT_NEAR(found.values[i], wanted.values[i], 1e-4 * (1 + std::abs(wanted.values[i]))) << what << " " << i;
}

class FromElastic : public testing::TestWithParam<const char*> {};

// The largest, a random subnet, and the beginning up to an exit, each cut out and recalibrated.
TEST_P(FromElastic, TheInterpreterEqualsLibTorch) {
  auto network = trained(GetParam(), {.bf16 = false, .features_section = 1, .exits = {0}});
  Rng rng(5);
  const family::ArchSpec random = network->space().sample(rng);
  for (const family::ArchSpec& arch : {network->arch(), random, family::prefix(random, 1)}) {
    const auto subnet = network->extract(arch);
    const torch::NoGradGuard no_gradients;
    subnet->train();
    subnet->recalibrate_begin();
    for (int step = 0; step < 3; ++step) subnet->forward(images());
    subnet->recalibrate_end();
    subnet->eval();
    const family::Lowered lowered = lower_network(*subnet, {.features = subnet->options().features_section});
    const family::Blueprint net = family::blueprint(arch, kInput, kClasses);
    const at::Tensor seen = torch::rand({kImages, 3, net.input.height, net.input.width});
    const supernet::NetworkOutput expected = subnet->forward(seen, true);
    const auto found = model::interpret(lowered.graph, {{"image", tensor_of(seen)}});
    expect_near(found.at("logits"), expected.logits, arch.text());
    expect_near(found.at("features"), expected.features, arch.text());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Spaces, FromElastic,
    testing::Values("residual:4:8:4-8:12:4m4:8:2s2,m8x1?-8:16:8x1,x1?/2", "residual:8k5/4-12b4:8:4,b8?/2-16b8h@16:24:8",
                    "mbconv:4:8:4h/2-8e1s4-8:12:4k3:7:2e2:4:1s4,k3:5:2e2hx1?/2-12m16:24:8-c16:24:8h-f20h"));

TEST(FromElasticErrors, NumbersThatAreNotFinite) {
  supernet::ElasticNetwork network("residual:4-4", kInput, kClasses, supernet::ElasticOptions{}, 1);
  const torch::NoGradGuard no_gradients;
  for (const auto& [name, values] : network->trainable_biases())
    if (name == "stem/bias") at::Tensor(values).fill_(std::nan(""));
  EXPECT_EQ(error_of([&] { lower_network(*network); }), "net net: stem/bias: expected finite numbers");
}

}  // namespace
}  // namespace triage::exporting
