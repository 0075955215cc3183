// Layers, networks and optimiser against plain ATen operations and torch::nn modules.
//
// Tolerances. fp32: both sides sum the same products in different orders; 1e-4 of the largest value leaves room for
// sums of some thousand terms. bf16: the plain side rounds at the same places (convolution output, activations), so
// what remains is a rounding of 2^-9 here and there that falls the other way, and with it, rarely, a ReLU or a pool's
// choice: the Euclidean error of a whole tensor is held, at 2 % of its norm. Winograd convolutions round once more
// before the pool and the ReLU decide: 10 %.
#include "supernet/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>
#include <torch/torch.h>

#include "core/error.h"
#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/ops/layer_ops.h"
#include "supernet/sgd.h"
#include "supernet/whiten.h"

namespace triage::supernet {
namespace {

constexpr double kEpsilon = 1e-5;

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return (x - y).norm().item<double>() / (y.norm().item<double>() + 1e-2);
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const at::Tensor x = found.detach().to(at::kDouble), y = expected.detach().to(at::kDouble);
  EXPECT_LE((x - y).abs().max().item<double>(), tolerance * std::max(1.0, y.abs().max().item<double>())) << what;
}

at::Tensor images(int n, int c, int h, int w, at::ScalarType type = at::kFloat) {
  return at::randn({n, c, h, w}).to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

struct LayerCase {
  int batch, in, out, height, width;
  bool pool, identity = false;
};

// The layer in plain differentiable operations; `round`: activations rounded to bf16 where ours are.
at::Tensor plain_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const LayerCase& layer,
                       bool round) {
  const auto rounded = [&](const at::Tensor& t) { return round ? t.to(at::kBFloat16).to(at::kFloat) : t; };
  at::Tensor z = rounded(at::conv2d(x, weight, {}, 1, 1));
  if (layer.pool) z = at::max_pool2d(z, 2);
  const at::Tensor mean = z.mean(at::IntArrayRef{0, 2, 3}, true);
  const at::Tensor variance = (z - mean).square().mean(at::IntArrayRef{0, 2, 3}, true);
  at::Tensor sum = (z - mean) * (variance + kEpsilon).rsqrt() + bias.view({1, -1, 1, 1});
  if (layer.identity) {  // missing channels of x are zero
    const std::int64_t passed = std::min(layer.in, layer.out);
    sum = sum + at::constant_pad_nd(x.narrow(1, 0, passed), {0, 0, 0, 0, 0, layer.out - passed});
  }
  return rounded(at::relu(sum));
}

struct Gradients {
  at::Tensor y, x, weight, bias;
};

template <class Layer>
Gradients gradients_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& dy,
                       const Layer& layer) {
  const auto leaf = [](const at::Tensor& t) { return t.detach().clone().requires_grad_(); };
  const at::Tensor a = leaf(x), w = leaf(weight), b = leaf(bias);
  const at::Tensor y = layer(a, w, b);
  y.backward(dy.to(y.scalar_type()));
  return {y.detach(), a.grad(), w.grad(), b.grad()};
}

class LayerTest : public testing::TestWithParam<LayerCase> {
 protected:
  void SetUp() override {
    torch::manual_seed(7);
    const LayerCase& c = GetParam();
    x = images(c.batch, c.in, c.height, c.width);
    weight = at::randn({c.out, c.in, 3, 3}) / std::sqrt(9.0 * c.in);
    bias = at::randn({c.out});
    const int shrink = c.pool ? 2 : 1;
    dy = images(c.batch, c.out, c.height / shrink, c.width / shrink);
  }
  Gradients of(const LayerOps& ops, const at::Tensor& input) const {
    return gradients_of(input, weight, bias, dy, [&](const auto& a, const auto& w, const auto& b) {
      return ops.train_layer(a, w, b, GetParam().pool, kEpsilon, GetParam().identity).y;
    });
  }
  Gradients plain(const at::Tensor& input, bool round) const {
    return gradients_of(input, weight, bias, dy, [&](const auto& a, const auto& w, const auto& b) {
      return plain_layer(a, w, b, GetParam(), round);
    });
  }
  at::Tensor x, weight, bias, dy;
};

TEST_P(LayerTest, Fp32MatchesPlainOperations) {
  const Gradients expected = plain(x, false);
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    const Gradients found = of(*ops, x);
    expect_close(found.y, expected.y, 1e-4, "y");
    expect_close(found.x, expected.x, 1e-4, "dx");
    expect_close(found.weight, expected.weight, 1e-4, "dweight");
    expect_close(found.bias, expected.bias, 1e-4, "dbias");
  }
}

TEST_P(LayerTest, Bf16MatchesPlainOperationsByRounding) {
  const at::Tensor rounded = x.to(at::kBFloat16);
  weight = weight.to(at::kBFloat16).to(at::kFloat);
  dy = dy.to(at::kBFloat16).to(at::kFloat);
  const Gradients expected = plain(rounded.to(at::kFloat), true);
  const double tolerance = std::min(GetParam().in, GetParam().out) >= 16 ? 0.1 : 0.02;
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    const Gradients found = of(*ops, rounded);
    EXPECT_EQ(found.y.scalar_type(), at::kBFloat16);
    EXPECT_EQ(found.weight.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(found.y, expected.y), 0.01);
    EXPECT_LT(relative_error(found.x, expected.x), tolerance);
    EXPECT_LT(relative_error(found.weight, expected.weight), tolerance);
    EXPECT_LT(relative_error(found.bias, expected.bias), tolerance);
  }
}

TEST_P(LayerTest, InferenceMatchesPlainOperations) {
  const at::Tensor mean = at::randn({GetParam().out}) / 4, variance = at::rand({GetParam().out}) + 0.5;
  const auto infer = [&](const LayerOps& ops, const at::Tensor& input, const at::Tensor& w) {
    return ops.infer_layer(input, w, bias, mean, variance, GetParam().pool, kEpsilon, GetParam().identity);
  };
  const at::Tensor slow = infer(cpu_ops(), x, weight.clone().requires_grad_());
  EXPECT_TRUE(slow.requires_grad());
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    expect_close(infer(*ops, x, weight), slow, 1e-4, "fp32");
    EXPECT_LT(relative_error(infer(*ops, x.to(at::kBFloat16), weight), slow), 0.01);
  }
}

// Odd maps, channel counts that leave vectors of 16, 8 and 1, batches that leave a part of a group of 8; the last is
// wide enough for Winograd and large enough for two ranges of images.
INSTANTIATE_TEST_SUITE_P(Shapes, LayerTest,
                         testing::Values(LayerCase{3, 3, 24, 8, 8, false}, LayerCase{16, 8, 16, 6, 6, true},
                                         LayerCase{11, 5, 21, 7, 7, true}, LayerCase{9, 24, 64, 4, 6, false},
                                         LayerCase{1, 1, 1, 2, 2, true}, LayerCase{33, 16, 40, 9, 5, true},
                                         LayerCase{70, 64, 96, 16, 16, true}, LayerCase{12, 16, 16, 6, 6, false, true},
                                         LayerCase{9, 24, 64, 4, 6, false, true},
                                         LayerCase{17, 40, 21, 5, 7, false, true}));

TEST(Layer, SkipsWhatNeedsNoGradient) {
  const at::Tensor x = images(4, 3, 6, 6, at::kBFloat16), weight = at::randn({8, 3, 3, 3});
  const at::Tensor bias = at::zeros({8}).requires_grad_();
  cpu_ops().train_layer(x, weight, bias, false, kEpsilon).y.sum().backward();
  EXPECT_TRUE(bias.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Layer, StatisticsSurviveALargeMean) {  // sums of squares without a pivot would lose all digits here
  const at::Tensor x = images(16, 1, 8, 8) * 1e-2 + 100;
  at::Tensor weight = at::zeros({1, 1, 3, 3});
  weight[0][0][1][1] = 1;
  const LayerOutput out = cpu_ops().train_layer(x, weight, at::zeros({1}), false, kEpsilon);
  const at::Tensor exact = x.to(at::kDouble);
  EXPECT_NEAR(out.mean.item<double>(), exact.mean().item<double>(), 1e-4);
  EXPECT_NEAR(out.variance.item<double>() / exact.var(false).item<double>(), 1, 1e-3);
}

TEST(GlobalMax, ValuesAndGradient) {
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    const at::Tensor x = images(5, 19, 3, 4).requires_grad_();
    const at::Tensor plain = x.detach().clone().requires_grad_(), dy = at::randn({5, 19});
    const at::Tensor y = ops->global_max(x), expected = at::amax(plain, {2, 3});
    y.backward(dy);
    expected.backward(dy);
    EXPECT_TRUE(at::equal(y, expected));
    EXPECT_TRUE(at::equal(x.grad(), plain.grad()));
  }
}

TEST(Device, HasItsOps) {
  EXPECT_EQ(&ops_of(at::kCPU), &cpu_ops());
  EXPECT_EQ(&ops_of(at::kCUDA), &aten_ops());
}

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
  Sgd sgd({{{{"p", p}}, 2, 0.01}});
  torch::optim::SGD torch_sgd({q}, torch::optim::SGDOptions(0.2).momentum(0.9).weight_decay(0.01).nesterov(true));
  for (int step = 0; step < 3; ++step) {
    const at::Tensor gradient = at::randn({50000});
    p.mutable_grad() = gradient.clone();
    q.mutable_grad() = gradient.clone();
    EXPECT_NEAR(sgd.step({.learning_rate = 0.1, .momentum = 0.9}), gradient.norm().item<double>(), 1e-2);
    EXPECT_FALSE(p.grad().defined());
    torch_sgd.step();
  }
  expect_close(p, q, 1e-5, "parameters");
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
