// Slices of a network against networks of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "supernet/network.h"

namespace triage::supernet {
namespace {

constexpr plan::InputShape kImage{.channels = 3, .height = 16, .width = 16};

Network make_supernet(NetworkOptions options = {}, const std::string& space = "8:16:4-8:24:8,8:24:8?-16:32:8") {
  options.features_block = 1;
  return Network(plan::SearchSpace::parse(space), kImage, 5, options, /*seed=*/1);
}

at::Tensor random_images(int n) {
  torch::manual_seed(1);
  return at::randn({n, 3, 16, 16}).contiguous(at::MemoryFormat::ChannelsLast);
}

const char* const kSubnets[] = {"16-24,24-32", "8-8-16", "12-24-24", "8-16,8-32", "16-8,24-16"};

TEST(Subnet, RunsAsTheNetworkItIsExtractedTo) {
  for (const NetworkOptions& options :
       {NetworkOptions{.bf16 = false}, NetworkOptions{.bf16 = true}, NetworkOptions{.bf16 = true, .residual = true}}) {
    Network net = make_supernet(options);
    const at::Tensor x = random_images(16);
    for (const char* text : kSubnets) {
      const plan::ArchSpec subnet = plan::ArchSpec::parse(text);
      Network own(net->extract(subnet));
      EXPECT_EQ(own->arch().text(), text);
      const NetworkOutput slice = net->forward(x, subnet, true), alone = own->forward(x, true);
      EXPECT_TRUE(at::equal(slice.logits, alone.logits)) << text;
      EXPECT_TRUE(at::equal(slice.features, alone.features)) << text;
    }
  }
}

TEST(Subnet, MayEndAtAnExit) {
  Network net = make_supernet({.bf16 = false, .residual = true, .exits = {0, 1}});
  net->eval();
  const at::Tensor x = random_images(8);
  Network whole(net->extract(plan::ArchSpec::parse("12-16,8-16"))),
      part(net->extract(plan::ArchSpec::parse("12-16,8")));
  whole->eval();
  part->eval();
  EXPECT_EQ(part->options().exits, std::vector<int>{0});
  const NetworkOutput all = whole->forward(x, true), some = part->forward(x, true);
  EXPECT_TRUE(at::equal(all.exits[1], some.logits));
  EXPECT_TRUE(at::equal(all.exits[0], some.exits[0]));
  EXPECT_TRUE(at::equal(all.features, some.features));
  EXPECT_THROW(make_supernet()->extract(plan::ArchSpec::parse("12-16,8")), Error);  // no exit there
  EXPECT_THROW(net->extract(plan::ArchSpec::parse("12-17")), Error);
}

TEST(Subnet, GradientsStayInsideTheSlice) {
  Network net = make_supernet({.bf16 = false});
  net->forward(random_images(16), plan::ArchSpec::parse("12-16-24")).logits.square().sum().backward();
  for (const auto& [name, tensor] : net->state()) {
    if (!tensor.requires_grad()) continue;
    if (name.starts_with("block1.conv1")) {  // left out
      EXPECT_FALSE(tensor.grad().defined()) << name;
      continue;
    }
    ASSERT_TRUE(tensor.grad().defined()) << name;
  }
  const at::Tensor g = net->state()[4].tensor.grad();  // block1.conv0.weight [24, 16, 3, 3], of which [16, 12]
  at::Tensor slice = g.slice(0, 0, 16).slice(1, 0, 12);
  EXPECT_GT(slice.abs().sum().item<float>(), 0);
  slice.zero_();
  EXPECT_EQ(g.abs().sum().item<float>(), 0);
}

TEST(Subnet, OnlyTheLargestMovesTheRunningStatistics) {
  Network net = make_supernet({.bf16 = false});
  const at::Tensor mean = net->state()[2].tensor.clone();
  net->forward(random_images(16), plan::ArchSpec::parse("12-16-24"));
  EXPECT_TRUE(at::equal(net->state()[2].tensor, mean));
  net->forward(random_images(16), net->arch());
  EXPECT_FALSE(at::equal(net->state()[2].tensor, mean));
}

TEST(Subnet, ExitsAnswerAndSendBackAShareOfTheirGradient) {
  const at::Tensor x = random_images(16);
  const auto stem_gradient = [&](double share) {
    Network net = make_supernet({.bf16 = false, .exits = {0, 1}, .exit_gradient = share});
    const NetworkOutput out = net->forward(x, plan::ArchSpec::parse("12-16-24"));
    EXPECT_EQ(out.exits.size(), 2u);
    out.exits[1].square().sum().backward();
    return net->state()[0].tensor.grad();
  };
  const at::Tensor whole = stem_gradient(1), half = stem_gradient(0.5);
  EXPECT_GT(whole.norm().item<double>(), 0);
  EXPECT_NEAR((half * 2 - whole).norm().item<double>(), 0, 1e-4 * whole.norm().item<double>());
  EXPECT_EQ(stem_gradient(0).norm().item<double>(), 0);
}

TEST(Subnet, RefusesWhatCannotBe) {
  Network net = make_supernet();
  const auto run = [&](const char* subnet) { net->forward(random_images(4), plan::ArchSpec::parse(subnet)); };
  EXPECT_THROW(run("10-8-16"), Error);
  EXPECT_THROW(net->extract(plan::ArchSpec::parse("8-8-16-16")), Error);
  net->eval();
  EXPECT_THROW(run("8-8-16"), Error);
  EXPECT_THROW(make_supernet({.exits = {2}}), Error);
  EXPECT_THROW(make_supernet({.exits = {1, 0}}), Error);
}

}  // namespace
}  // namespace triage::supernet
