#include "supernet/modules/elastic_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

#include "core/test_support.h"

namespace triage::supernet {
namespace {

using testing::HasSubstr;

constexpr plan::InputShape kInput{3, 16, 16};
constexpr int kClasses = 4;
constexpr const char* kSpaces[] = {
    "residual:4:8:4-8:12:4m4:8:2s2,m8x1?-8:16:8x1,x1?/2",
    "residual:8k5/4-12b4:8:4,b8?/2-16b8h@16:24:8",
    "mbconv:4:8:4h/2-8e1s4-8:12:4k3:7:2e2:4:1s4,k3:5:2e2hx1?/2-12m16:24:8-c16:24:8h-f20h",
};

at::Tensor images(std::int64_t n = 6) { return torch::randn({n, 3, kInput.height, kInput.width}); }

TEST(ElasticNetwork, ASubnetIsItsExtractedNet) {
  torch::manual_seed(1);
  for (const char* text : kSpaces) {
    ElasticNetwork network(text, kInput, kClasses, ElasticOptions{.bf16 = false, .exits = {0}}, 2);
    network->train();
    Rng rng(3);
    for (int i = 0; i < 6; ++i) {
      const family::ArchSpec arch = i == 0 ? network->space().smallest() : network->space().sample(rng);
      const auto alone = network->extract(arch);
      alone->train();
      const at::Tensor x = images();
      const NetworkOutput expected = alone->forward(x, true), found = network->forward(x, arch, true);
      EXPECT_TRUE(at::allclose(found.logits, expected.logits, 1e-4, 1e-5)) << arch.text();
      EXPECT_TRUE(at::allclose(found.features, expected.features, 1e-4, 1e-5)) << arch.text();
      EXPECT_TRUE(at::allclose(found.exits.at(0), expected.exits.at(0), 1e-4, 1e-5)) << arch.text();
      // Up to the exit, whose head becomes the last one.
      const auto begin = network->extract(family::prefix(arch, 1));
      begin->train();
      EXPECT_TRUE(at::allclose(begin->forward(x).logits, expected.exits.at(0), 1e-4, 1e-5)) << arch.text();
    }
  }
}

TEST(ElasticNetwork, TrainedParametersAreThoseOfTheGraph) {
  ElasticNetwork network("mbconv:8/2-8e1-12e3s4", kInput, kClasses, ElasticOptions{}, 1);
  std::int64_t numbers = 0, scales = 0;
  for (const auto& [name, tensor] : network->trainable_weights()) numbers += tensor.numel();
  for (const auto& [name, tensor] : network->trainable_biases()) {
    numbers += tensor.numel();
    if (name.ends_with("/scale")) scales += tensor.numel();
  }
  std::int64_t expected = 0;
  for (const family::Layer& layer : family::blueprint(network->arch(), kInput, kClasses).layers) {
    for (const family::WeightSpec& spec : family::weights_of(layer)) {
      std::int64_t size = 1;
      for (const std::int64_t dim : spec.dims) size *= dim;
      expected += size;
    }
  }
  EXPECT_EQ(numbers - scales, expected);
}

// Central differences along a random direction of each tensor, in double.
TEST(ElasticNetwork, GradientsAreTheSlopes) {
  torch::manual_seed(5);
  for (const char* text : {"residual:4-4m6s2h-8b4h/2", "mbconv:4h-4k5e2s4h,e2h-8e1h/2-c8h-f6h"}) {
    ElasticNetwork network(text, kInput, kClasses, ElasticOptions{.bf16 = false}, 7);
    network->to(at::kDouble);
    network->train();
    const at::Tensor x = images(3).to(at::kDouble), weights = torch::randn({3, kClasses}, at::kDouble);
    const auto loss = [&] { return (network->forward(x).logits * weights).sum(); };
    loss().backward();
    const torch::NoGradGuard no_gradients;
    for (const NamedTensors& all : {network->trainable_weights(), network->trainable_biases()}) {
      for (const auto& [name, tensor] : all) {
        at::Tensor parameter = tensor;
        const at::Tensor direction = at::randn_like(parameter);
        const double slope = (parameter.grad() * direction).sum().item<double>(), step = 1e-5;
        parameter.add_(direction, step);
        const double above = loss().item<double>();
        parameter.sub_(direction, 2 * step);
        const double below = loss().item<double>();
        parameter.add_(direction, step);
        EXPECT_NEAR((above - below) / (2 * step), slope, 1e-4 * (1 + std::abs(slope))) << text << " " << name;
      }
    }
  }
}

// Images whose class is the channel that is bright or dark: random, but learnable. An mbconv net, three linear layers
// deep behind its last map, takes its time to begin: with momentum some 20 steps.
TEST(ElasticNetwork, ALittleTrainingReducesTheLoss) {
  torch::manual_seed(6);
  for (const char* text : kSpaces) {
    for (const bool bf16 : {false, true}) {
      ElasticNetwork network(text, kInput, kClasses, ElasticOptions{.bf16 = bf16, .exits = {0}}, 8);
      network->train();
      Rng rng(9);
      const auto batch = [&] {
        at::Tensor x = torch::randn({32, 3, kInput.height, kInput.width}) * 0.3;
        const at::Tensor labels = torch::randint(0, kClasses, {32}, at::kLong);
        for (std::int64_t i = 0; i < 32; ++i) {
          const auto label = labels[i].item<std::int64_t>();
          x[i][label % 2] += label < 2 ? 1 : -1;
        }
        return std::pair(x, labels);
      };
      std::vector<double> losses;
      std::map<std::string, at::Tensor> velocities;
      for (int step = 0; step < 60; ++step) {
        const auto [x, labels] = batch();
        const family::ArchSpec arch = step % 2 == 0 ? network->arch() : network->space().sample(rng);
        const NetworkOutput out = network->forward(x, arch);
        const at::Tensor last = at::cross_entropy_loss(out.logits, labels);
        (last + at::cross_entropy_loss(out.exits.at(0), labels)).backward();
        if (arch == network->arch()) losses.push_back(last.item<double>());
        const torch::NoGradGuard no_gradients;
        for (const NamedTensors& all : {network->trainable_weights(), network->trainable_biases()}) {
          for (const auto& [name, tensor] : all) {
            at::Tensor parameter = tensor;
            if (!parameter.grad().defined()) continue;
            at::Tensor& velocity = velocities[name];
            velocity = velocity.defined() ? velocity * 0.9 + parameter.grad() : parameter.grad().clone();
            parameter.sub_(velocity, 0.05);
            parameter.mutable_grad().zero_();
          }
        }
      }
      const auto mean = [](std::span<const double> of) {
        return std::accumulate(of.begin(), of.end(), 0.0) / static_cast<double>(of.size());
      };
      const std::span<const double> all(losses);
      EXPECT_LT(mean(all.last(4)), 0.7 * mean(all.first(2))) << text << (bf16 ? " bf16" : "");
    }
  }
}

TEST(ElasticNetwork, RecalibratedStatisticsAreThoseOfAllImages) {
  torch::manual_seed(7);
  ElasticNetwork network("residual:4-8m4", kInput, kClasses, ElasticOptions{.bf16 = false}, 1);
  const torch::NoGradGuard no_gradients;
  network->train();
  const at::Tensor x = images(12);
  network->recalibrate_begin();
  for (const at::Tensor& part : x.chunk(3)) network->forward(part);
  network->recalibrate_end();
  const NamedTensors state = network->state();
  const auto of = [&](const std::string& name) { return std::ranges::find(state, name, &NamedTensor::name)->tensor; };
  const at::Tensor stem = at::conv2d(x, of("stem/weight"), {}, 1, 1);
  EXPECT_TRUE(at::allclose(of("stem/running_mean"), stem.mean({0, 2, 3}), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(of("stem/running_var"), at::var(stem, {0, 2, 3}, false), 1e-4, 1e-5));
  network->recalibrate_begin();
  EXPECT_THAT(error_of([&] { network->recalibrate_end(); }), HasSubstr("recalibration saw no batch"));
}

TEST(ElasticNetwork, StateGoesFromOneToAnother) {
  torch::manual_seed(8);
  ElasticNetwork a(kSpaces[2], kInput, kClasses, ElasticOptions{.bf16 = false}, 1);
  ElasticNetwork b(kSpaces[2], kInput, kClasses, ElasticOptions{.bf16 = false}, 2);
  a->forward(images());
  b->load_state(a->state(), "test");
  a->eval();
  b->eval();
  const at::Tensor x = images();
  EXPECT_TRUE(at::equal(a->forward(x).logits, b->forward(x).logits));
}

TEST(ElasticNetwork, RefusesWhatDoesNotFit) {
  const auto made = [](ElasticOptions options) {
    return error_of([&] { ElasticNetwork(kSpaces[0], kInput, kClasses, options, 1); });
  };
  EXPECT_THAT(made({.features_section = 2}), HasSubstr("features_section: expected 0 to 1, found 2"));
  EXPECT_THAT(made({.exits = {1}}), HasSubstr("exits: expected rising sections from 0 to 0, found 1"));
  ElasticNetwork network(kSpaces[0], kInput, kClasses, ElasticOptions{}, 1);
  network->eval();
  EXPECT_THAT(error_of([&] { network->forward(images(), network->space().smallest()); }),
              HasSubstr("expected training mode for the subnet residual:4-8m4s2-8/2"));
  EXPECT_THAT(error_of([&] { network->extract(family::prefix(network->arch(), 1)); }),
              HasSubstr("expected an exit behind section 0, found none"));
}

}  // namespace
}  // namespace triage::supernet
