#include "train/sandwich.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::train {
namespace {

const family::AnySpace kSpace = family::AnySpace::parse("4:12:4-8:16:4");

supernet::Network made(const std::vector<int>& exits = {}) {
  supernet::NetworkOptions options;
  options.bf16 = false;
  options.exits = exits;
  supernet::Network network(kSpace.plain(), plan::InputShape{3, 8, 8}, 3, options, /*seed=*/5);
  network->train();
  return network;
}

at::Tensor images(std::int64_t count) {
  torch::manual_seed(3);
  return at::randn({count, 3, 8, 8}).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor mean_loss(const at::Tensor& logits) { return at::log_softmax(logits, 1).select(1, 0).mean().neg(); }

double gradient_norm(supernet::Network& network) {
  double sum = 0;
  for (const at::Tensor& parameter : network->parameters())
    if (parameter.grad().defined()) sum += parameter.grad().square().sum().item<double>();
  return std::sqrt(sum);
}

TEST(SandwichSubnets, TheLargestComesFirstTheSmallestNextThenRandomOnes) {
  SupernetOptions options;
  options.random_subnets = 3;
  const std::vector<family::ArchSpec> subnets = sandwich_subnets(kSpace, options, 1, 0);
  ASSERT_EQ(subnets.size(), 5u);
  EXPECT_EQ(subnets[0], kSpace->largest());
  EXPECT_EQ(subnets[1], kSpace->smallest());
  for (const family::ArchSpec& subnet : subnets) kSpace->check(subnet);
}

TEST(SandwichSubnets, AreAFunctionOfSeedAndStepAlone) {
  SupernetOptions options;
  options.random_subnets = 4;
  const auto subnets = sandwich_subnets(kSpace, options, 1, 7);
  EXPECT_EQ(sandwich_subnets(kSpace, options, 1, 7), subnets);  // so that a resumed training takes the same
  EXPECT_NE(sandwich_subnets(kSpace, options, 1, 8), subnets);
  EXPECT_NE(sandwich_subnets(kSpace, options, 2, 7), subnets);
}

TEST(SandwichSubnets, NamedOnesTakeThePlaceOfAllOthers) {
  SupernetOptions options;
  options.subnets = {"4-8", "12-16"};
  const auto subnets = sandwich_subnets(kSpace, options, 1, 0);
  ASSERT_EQ(subnets.size(), 2u);
  EXPECT_EQ(subnets[0].text(), "4-8");
  options.subnets = {"4-40"};
  EXPECT_THROW(sandwich_subnets(kSpace, options, 1, 0), Error);
}

TEST(SandwichSubnets, AnOrdinaryNetworkHasOnlyItself) {
  const auto only = plan::SearchSpace::only(plan::ArchSpec::parse("4-8"));
  EXPECT_EQ(sandwich_subnets(only, {}, 1, 0).size(), 1u);
}

TEST(SandwichStep, OfOneSubnetIsPlainTraining) {
  supernet::Network network = made();
  const SandwichLoss loss = sandwich_step(*network, images(6), {kSpace->largest()}, mean_loss, {});
  EXPECT_EQ(loss.subnets.item<double>(), 0);
  supernet::Network plain = made();
  const at::Tensor expected = mean_loss(plain->forward(images(6), kSpace->largest()).logits);
  expected.backward();
  EXPECT_DOUBLE_EQ(loss.largest.item<double>(), expected.item<double>());
  EXPECT_DOUBLE_EQ(gradient_norm(network), gradient_norm(plain));
  EXPECT_FALSE(loss.logits.requires_grad());
}

TEST(SandwichStep, ASubnetThatSaysWhatTheLargestSaysHasNothingToLearn) {
  supernet::Network network = made(), alone = made();
  const SandwichLoss loss = sandwich_step(*network, images(6), {kSpace->largest(), kSpace->largest()}, mean_loss, {});
  // The divergence less its minimum is 0: kl_div of equal distributions.
  EXPECT_NEAR(loss.subnets.item<double>(), 0, 1e-5);
  sandwich_step(*alone, images(6), {kSpace->largest()}, mean_loss, {});
  EXPECT_NEAR(gradient_norm(network), gradient_norm(alone), 1e-4 * gradient_norm(alone));
}

TEST(SandwichStep, TheOthersWeighWhatTheyAreTold) {
  SupernetOptions options;
  options.subnet_weight = 0;
  supernet::Network network = made(), alone = made();
  const SandwichLoss loss =
      sandwich_step(*network, images(6), {kSpace->largest(), kSpace->smallest()}, mean_loss, options);
  sandwich_step(*alone, images(6), {kSpace->largest()}, mean_loss, options);
  EXPECT_GT(loss.subnets.item<double>(), 0);  // it is told all the same
  EXPECT_DOUBLE_EQ(gradient_norm(network), gradient_norm(alone));
  options.subnet_weight = 1;
  supernet::Network both = made();
  sandwich_step(*both, images(6), {kSpace->largest(), kSpace->smallest()}, mean_loss, options);
  EXPECT_NE(gradient_norm(both), gradient_norm(alone));
}

TEST(SandwichStep, ExitsAreChargedTogetherByTheirWeight) {
  SupernetOptions options;
  options.exit_weight = 0;
  supernet::Network network = made({0});
  const double without =
      sandwich_step(*network, images(6), {kSpace->largest()}, mean_loss, options).largest.item<double>();
  options.exit_weight = 2;
  supernet::Network again = made({0});
  const double with = sandwich_step(*again, images(6), {kSpace->largest()}, mean_loss, options).largest.item<double>();
  supernet::Network plain = made({0});
  const supernet::NetworkOutput output = plain->forward(images(6), kSpace->largest());
  EXPECT_NEAR(with - without, 2 * mean_loss(output.exits[0]).item<double>(), 1e-5);
}

}  // namespace
}  // namespace triage::train
