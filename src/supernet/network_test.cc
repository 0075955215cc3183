// Networks and optimiser against plain ATen operations and torch::nn modules.
#include "supernet/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>
#include <torch/torch.h>

#include "core/error.h"
#include "supernet/adamw.h"
#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/sgd.h"
#include "supernet/supernet_test_support.h"
#include "supernet/whiten.h"

namespace triage::supernet {
namespace {

const plan::InputShape kInput{3, 16, 16};
const char* const kArch = "8-16,24-32";

Network make(const NetworkOptions& options, std::uint64_t seed = 3) {
  return Network(plan::SearchSpace::parse(kArch), kInput, 5, options, seed);
}

at::Tensor loss_of(Network& net, const at::Tensor& x, const at::Tensor& labels) {
  return at::cross_entropy_loss(net->forward(x).logits, labels, {}, at::Reduction::Mean, -100, 0.2);
}

TEST(Network, Fp32MatchesTorchModules) {
  torch::manual_seed(5);
  NetworkOptions options;
  options.bf16 = false;
  options.features_block = 1;
  Network net = make(options);
  struct Layer {
    torch::nn::Conv2d conv{nullptr};
    torch::nn::BatchNorm2d norm{nullptr};
  };
  std::vector<Layer> plain;
  const NamedTensors state = net->state();
  for (std::size_t i = 0; i < net->layers().size(); ++i) {
    const plan::ConvLayer& layer = net->layers()[i];
    using torch::nn::BatchNorm2dOptions, torch::nn::Conv2dOptions;
    plain.push_back({torch::nn::Conv2d(Conv2dOptions(layer.in_channels, layer.out_channels, 3).padding(1).bias(false)),
                     torch::nn::BatchNorm2d(
                         BatchNorm2dOptions(layer.out_channels).momentum(options.momentum).eps(options.epsilon))});
    const at::NoGradGuard no_grad;
    plain.back().conv->weight.copy_(state[4 * i].tensor);
    plain.back().norm->bias.copy_(state[4 * i + 1].tensor.uniform_(-0.5, 0.5));
  }
  torch::nn::Linear head(32, 5);
  {
    const at::NoGradGuard no_grad;
    head->weight.copy_(state[state.size() - 2].tensor);
    head->bias.copy_(state.back().tensor.uniform_(-1, 1));
  }
  const at::Tensor x = images(24, 3, 16, 16), labels = at::randint(0, 5, {24}, at::kLong);
  at::Tensor h = x, features;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    h = plain[i].conv(h);
    if (net->layers()[i].pool) h = at::max_pool2d(h, 2);
    h = at::relu(plain[i].norm(h));
    if (net->layers()[i].block == 1) features = h.mean(at::IntArrayRef{2, 3});
  }
  const at::Tensor logits = head(at::amax(h, {2, 3})) * options.head_scale;
  at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, -100, 0.2).backward();

  const NetworkOutput out = net->forward(x, true);
  at::cross_entropy_loss(out.logits, labels, {}, at::Reduction::Mean, -100, 0.2).backward();
  expect_close(out.logits, logits, 1e-4, "logits");
  expect_close(out.features, features, 1e-4, "features");
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::string name = net->layers()[i].name();
    EXPECT_LT(relative_error(state[4 * i].tensor.grad(), plain[i].conv->weight.grad()), 1e-3) << name;
    EXPECT_LT(relative_error(state[4 * i + 1].tensor.grad(), plain[i].norm->bias.grad()), 1e-3) << name;
    expect_close(state[4 * i + 2].tensor, plain[i].norm->running_mean, 1e-5, name + " running mean");
    expect_close(state[4 * i + 3].tensor, plain[i].norm->running_var, 1e-5, name + " running variance");
  }
  expect_close(state.back().tensor.grad(), head->bias.grad(), 1e-5, "head bias");
}

TEST(Network, FoldedLayersGiveTheInferenceLogits) {
  torch::manual_seed(6);
  NetworkOptions options;
  options.bf16 = false;
  Network net = make(options);
  for (int i = 0; i < 3; ++i) net->forward(images(32, 3, 16, 16) * 2 + 0.5);
  net->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor x = images(10, 3, 16, 16);
  at::Tensor h = x;
  for (const FoldedLayer& folded : net->folded()) {
    h = at::conv2d(h, folded.weight, folded.bias, 1, 1);
    if (folded.layer.pool) h = at::max_pool2d(h, 2);
    h = at::relu(h);
  }
  const FoldedHead head = net->folded_head();
  expect_close(net->forward(x).logits, at::linear(at::amax(h, {2, 3}), head.weight, head.bias), 1e-4, "logits");
}

TEST(Network, Bf16FollowsFp32) {
  torch::manual_seed(8);
  NetworkOptions options;
  Network half = make(options);
  options.bf16 = false;
  Network full = make(options);
  const at::Tensor x = images(64, 3, 16, 16);
  EXPECT_LT(relative_error(half->forward(x).logits, full->forward(x).logits), 0.02);
}

TEST(Network, SeedDecidesTheWeightsAndFirstChannelsAreTheIdentity) {
  const NamedTensors a = make({}, 3)->state(), b = make({}, 3)->state(), c = make({}, 4)->state();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i].tensor, b[i].tensor)) << a[i].name;
  EXPECT_FALSE(at::equal(a[0].tensor, c[0].tensor));
  EXPECT_EQ(a[4].name, "block1.conv0.weight");  // 8 -> 16 channels
  const at::Tensor first = a[4].tensor.slice(0, 0, 8);
  EXPECT_EQ(first.sum().item<float>(), 8);
  EXPECT_EQ(first.square().sum().item<float>(), 8);
  EXPECT_EQ(a[4].tensor[5][5][1][1].item<float>(), 1);
}

// Three steps of bf16 training: the state's bits must not depend on the run or on the number of threads.
NamedTensors train_three_steps(int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  torch::manual_seed(9);
  Network net = make({});
  Sgd sgd({{net->trainable_weights(), 1, 1e-3}, {net->trainable_biases(), 16, 1e-3}});
  WeightAverage average(net->state());
  for (int step = 0; step < 3; ++step) {
    loss_of(net, images(32, 3, 16, 16, at::kBFloat16), at::randint(0, 5, {32}, at::kLong)).backward();
    sgd.step({.learning_rate = 0.1});
    average.update(0.5);
  }
  omp_set_num_threads(before);
  NamedTensors state = net->state();
  for (const NamedTensors& more : {sgd.state(), average.state()}) state.insert(state.end(), more.begin(), more.end());
  return state;
}

TEST(Network, TrainingRepeatsBitForBit) {
  if (!conv3x3_bf16_supported()) GTEST_SKIP() << "ATen's convolutions promise less";
  const NamedTensors one = train_three_steps(1);
  for (const int threads : {1, 2, 3}) {
    const NamedTensors other = train_three_steps(threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(at::equal(one[i].tensor, other[i].tensor)) << one[i].name << " with " << threads << " threads";
    }
  }
}

TEST(Network, RecalibrationIsExactOverBatchesOfAnySize) {
  torch::manual_seed(10);
  NetworkOptions options;
  options.bf16 = false;
  Network net = make(options);
  const at::Tensor x = images(40, 3, 16, 16) + at::arange(40).view({40, 1, 1, 1}) / 10.0;  // batches differ
  net->recalibrate_begin();
  {
    const at::NoGradGuard no_grad;
    net->forward(x.slice(0, 0, 24).contiguous(at::MemoryFormat::ChannelsLast));
    net->forward(x.slice(0, 24, 40).contiguous(at::MemoryFormat::ChannelsLast));
  }
  net->recalibrate_end();
  const NamedTensors state = net->state();
  const at::Tensor z = at::conv2d(x, state[0].tensor.detach(), {}, 1, 1);
  expect_close(state[2].tensor, z.mean(at::IntArrayRef{0, 2, 3}), 1e-5, "mean");
  expect_close(state[3].tensor, z.var(at::IntArrayRef{0, 2, 3}, false), 1e-5, "variance");
  net->recalibrate_begin();
  EXPECT_THROW(net->recalibrate_end(), Error);
}

TEST(Network, RecalibrationSideBySideGivesTheSameBits) {
  if (!conv3x3_bf16_supported()) GTEST_SKIP() << "ATen's convolutions promise less";
  torch::manual_seed(10);
  std::vector<at::Tensor> batches;
  for (int i = 0; i < 5; ++i) batches.push_back(images(i < 4 ? 24 : 7, 3, 16, 16, at::kBFloat16));
  Network net = make({});
  net->recalibrate_begin();
  {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& batch : batches) net->forward(batch);
  }
  net->recalibrate_end();
  const NamedTensors expected = clone_state(net->state());
  const int threads = omp_get_max_threads();
  for (const int count : {1, 2, 3, 8}) {
    omp_set_num_threads(count);
    net->recalibrate(batches);
    const NamedTensors found = net->state();
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(at::equal(found[i].tensor, expected[i].tensor)) << found[i].name << " with " << count << " threads";
  }
  omp_set_num_threads(threads);
  EXPECT_THROW(net->recalibrate({}), Error);
  batches[2] = images(1, 3, 8, 8, at::kBFloat16);  // of another size
  omp_set_num_threads(2);
  EXPECT_THROW(net->recalibrate(batches), Error);
  omp_set_num_threads(threads);
}

TEST(Network, WhitenedStemGivesUncorrelatedUnitOutputs) {
  torch::manual_seed(11);
  NetworkOptions options;
  options.bf16 = false;
  Network net = make(options);
  // Smooth images: neighbouring pixels are strongly correlated.
  const at::Tensor x = at::avg_pool2d(at::randn({64, 3, 20, 20}), 5, 1) * 5;
  net->whiten_stem(x, 0);
  const at::Tensor z = at::conv2d(x, net->state()[0].tensor.detach());  // patches inside the images
  const at::Tensor rows = z.transpose(0, 1).reshape({8, -1}), second = at::matmul(rows, rows.t()) / rows.size(1);
  expect_close(second.slice(0, 0, 8, 2).slice(1, 0, 8, 2), at::eye(4), 1e-3, "covariance");
  expect_close(rows.slice(0, 1, 8, 2), -rows.slice(0, 0, 8, 2), 1e-6, "negatives");
}

TEST(Network, FrozenStemIsNoParameterToTrain) {
  NetworkOptions options;
  options.freeze_stem = true;
  Network net = make(options);
  EXPECT_EQ(net->trainable_weights().front().name, "block1.conv0.weight");
  EXPECT_EQ(net->trainable_biases().front().name, "block1.conv0.bias");
  loss_of(net, images(8, 3, 16, 16), at::zeros({8}, at::kLong)).backward();
  EXPECT_FALSE(net->state()[0].tensor.grad().defined());
  EXPECT_FALSE(net->state()[1].tensor.grad().defined());
}

TEST(Network, StateRoundTripAndMisfits) {
  Network a = make({}, 1), b = make({}, 2);
  a->forward(images(8, 3, 16, 16));
  b->load_state(clone_state(a->state()), "a.ckpt");
  a->eval();
  b->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor x = images(4, 3, 16, 16);
  EXPECT_TRUE(at::equal(a->forward(x).logits, b->forward(x).logits));
  NamedTensors damaged = clone_state(a->state());
  damaged[1].tensor = at::zeros({3});
  EXPECT_THAT(
      [&] { b->load_state(damaged, "x.ckpt"); },
      testing::ThrowsMessage<Error>(testing::HasSubstr("x.ckpt: tensor 'block0.conv0.bias': expected shape [8]")));
  damaged.pop_back();
  EXPECT_THROW(b->load_state(damaged, "x.ckpt"), Error);
}

TEST(Network, RefusesWhatCannotBe) {
  NetworkOptions options;
  options.features_block = 3;
  EXPECT_THROW(make(options), Error);
  Network net = make({});
  EXPECT_THROW(net->forward(images(2, 1, 16, 16)), Error);
}

TEST(Sgd, MatchesTorch) {
  torch::manual_seed(12);
  const at::Tensor start = at::randn({50000});
  const at::Tensor p = start.clone().requires_grad_(), q = start.clone().requires_grad_();
  Sgd sgd({{{{"p", p}}, 2, 0.01}}, 0.9);
  torch::optim::SGD torch_sgd({q}, torch::optim::SGDOptions(0.2).momentum(0.9).weight_decay(0.01).nesterov(true));
  for (int step = 0; step < 3; ++step) {
    const at::Tensor gradient = at::randn({50000});
    p.mutable_grad() = gradient.clone();
    q.mutable_grad() = gradient.clone();
    EXPECT_NEAR(sgd.step({.learning_rate = 0.1}), gradient.norm().item<double>(), 1e-2);
    EXPECT_FALSE(p.grad().defined());
    torch_sgd.step();
  }
  expect_close(p, q, 1e-5, "parameters");
}

// The oracle is LibTorch's own optimiser. 50,000 elements are several chunks.
TEST(AdamW, MatchesTorch) {
  torch::manual_seed(13);
  const at::Tensor start = at::randn({50000});
  const at::Tensor p = start.clone().requires_grad_(), q = start.clone().requires_grad_();
  AdamW adamw({{{{"p", p}}, 2, 0.05}}, {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6});
  torch::optim::AdamW torch_adamw({q},
                                  torch::optim::AdamWOptions(0.02).betas({0.8, 0.99}).eps(1e-6).weight_decay(0.05));
  for (std::uint64_t step = 1; step <= 5; ++step) {
    const at::Tensor gradient = at::randn({50000});
    p.mutable_grad() = gradient * 4;
    q.mutable_grad() = gradient.clone();
    adamw.step({.learning_rate = 0.01, .gradient_scale = 0.25, .number = step});
    torch_adamw.step();
  }
  expect_close(p, q, 1e-6, "parameters");
  EXPECT_EQ(adamw.state().size(), 2u);
  EXPECT_EQ(adamw.state()[1].name, "exp_avg_sq.p");
}

// One parameter, one step: beta1 = 0.5, so m = 1, v = 0.5 * 4 = 2; without bias m / 0.5 = 2, v / 0.5 = 4; p = 3 - 0.1 *
// 0.5 * 3 (decay) - 0.1 * 2 / sqrt(4).
TEST(AdamW, TakesTheStepOfItsFormula) {
  const at::Tensor p = at::full({1}, 3.0f).requires_grad_();
  AdamW adamw({{{{"p", p}}, 1, 0.5}}, {.beta1 = 0.5, .beta2 = 0.5, .epsilon = 1e-12});
  p.mutable_grad() = at::full({1}, 2.0f);
  EXPECT_EQ(adamw.step({.learning_rate = 0.1}), 2);
  EXPECT_NEAR(p.item<double>(), 3 - 0.15 - 0.1, 1e-6);
}

TEST(ClipScale, MatchesTorch) {
  torch::manual_seed(14);
  for (const double limit : {0.5, 1e4}) {
    std::vector<at::Tensor> parameters = {at::zeros({40000}).requires_grad_(), at::zeros({3, 5}).requires_grad_()};
    const at::Tensor untouched = at::zeros({4}).requires_grad_();  // no gradient
    std::vector<at::Tensor> gradients;
    for (at::Tensor& p : parameters) {
      gradients.push_back(at::randn(p.sizes()));
      p.mutable_grad() = gradients.back().clone();
    }
    const double norm =
        gradient_norm({{{{"a", parameters[0]}, {"u", untouched}}, 1, 0}, {{{"b", parameters[1]}}, 1, 0}});
    const double scale = clip_scale(norm, limit);
    EXPECT_NEAR(torch::nn::utils::clip_grad_norm_(parameters, limit), norm, 1e-4 * norm);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      expect_close(parameters[i].grad(), gradients[i] * scale, 1e-6, "gradient");
    EXPECT_EQ(scale == 1, limit > norm);
  }
}

TEST(WeightAverage, UpdatesSwapsAndStores) {
  const at::Tensor t = at::full({3}, 4.0f);
  WeightAverage average({{"t", t}});
  const at::NoGradGuard no_grad;
  at::Tensor(t).fill_(8);
  average.update(0.75);
  EXPECT_EQ(average.state()[0].tensor[0].item<float>(), 5);
  average.swap();
  EXPECT_EQ(t[0].item<float>(), 5);
  EXPECT_EQ(average.state()[0].tensor[0].item<float>(), 8);
  average.swap();
  average.store();
  EXPECT_EQ(t[1].item<float>(), 5);
}

}  // namespace
}  // namespace triage::supernet
