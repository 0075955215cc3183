// Layers of both implementations, on every kernel, against plain ATen operations.
//
// Tolerances. fp32: both sides sum the same products in different orders; 1e-4 of the largest value leaves room for
// sums of some thousand terms. bf16: the plain side rounds at the same places (convolution output, activations), so
// what remains is a rounding of 2^-9 here and there that falls the other way, and with it, rarely, a ReLU or a pool's
// choice: the Euclidean error of a whole tensor is held, at 2 % of its norm. Winograd convolutions round once more
// before the pool and the ReLU decide: 10 %.
#include "supernet/ops/layer_ops.h"

#include <omp.h>

#include "core/test_support.h"
#include "supernet/supernet_test_support.h"

namespace triage::supernet {
namespace {

// While it lives a kernel is the fastest of those that a layer can have, by made-up times.
class Fastest {
 public:
  explicit Fastest(ConvKernel kernel) {
    kernel_choice().measure(
        directory_ / "kernels.json", "made up",
        [kernel](ConvKernel of, const ConvolutionShape&, ConvPass) { return of == kernel ? 1 : 2; });
  }
  ~Fastest() { kernel_choice().forget(); }
  Fastest(const Fastest&) = delete;
  Fastest& operator=(const Fastest&) = delete;

 private:
  TempDir directory_;
};

struct LayerCase {
  int batch, in, out, height, width;
  bool pool, identity = false;
  int kernel = 3, stride = 1, groups = 1;
  Convolution convolution() const { return {stride, groups}; }
};

// The layer in plain differentiable operations; `round`: activations rounded to bf16 where ours are.
at::Tensor plain_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const LayerCase& layer,
                       bool round) {
  const auto rounded = [&](const at::Tensor& t) { return round ? t.to(at::kBFloat16).to(t.scalar_type()) : t; };
  at::Tensor z = rounded(at::conv2d(x, weight, {}, layer.stride, layer.kernel / 2, 1, layer.groups));
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
    const int inputs = c.in / c.groups;
    weight = at::randn({c.out, inputs, c.kernel, c.kernel}) / std::sqrt(double(c.kernel * c.kernel * inputs));
    bias = at::randn({c.out});
    const int shrink = c.pool ? 2 : 1;
    const auto side = [&](int of) { return int(convolved(of, c.stride)) / shrink; };
    dy = images(c.batch, c.out, side(c.height), side(c.width));
    of_convolution = images(c.batch, c.out, int(convolved(c.height, c.stride)), int(convolved(c.width, c.stride)));
  }
  Gradients of(const LayerOps& ops, const at::Tensor& input) const {
    return gradients_of(input, weight, bias, dy, [&](const auto& a, const auto& w, const auto& b) {
      return ops.train_layer(a, w, b, GetParam().pool, kEpsilon, GetParam().identity, GetParam().convolution()).y;
    });
  }
  Gradients plain(const at::Tensor& input, bool round) const {  // in double, which oneDNN has no hand in
    const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
    return gradients_of(
        wide(input), wide(weight), wide(bias), wide(dy),
        [&](const auto& a, const auto& w, const auto& b) { return plain_layer(a, w, b, GetParam(), round); });
  }
  at::Tensor x, weight, bias, dy, of_convolution;  // the last: dy where the convolution is all
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
  const auto expect_rounding = [&](const Gradients& found) {
    EXPECT_EQ(found.y.scalar_type(), at::kBFloat16);
    EXPECT_EQ(found.weight.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(found.y, expected.y), 0.01);
    EXPECT_LT(relative_error(found.x, expected.x), tolerance);
    EXPECT_LT(relative_error(found.weight, expected.weight), tolerance);
    EXPECT_LT(relative_error(found.bias, expected.bias), tolerance);
  };
  expect_rounding(of(aten_ops(), rounded));
  expect_rounding(of(cpu_ops(), rounded));
  const bool plain3x3 = GetParam().kernel == 3 && GetParam().stride == 1 && GetParam().groups == 1;
  for (const ConvKernel kernel : {ConvKernel::direct, ConvKernel::winograd, ConvKernel::aten, ConvKernel::aten_fp32}) {
    if (kernel == ConvKernel::aten && !plain3x3) continue;  // wrong with some versions of oneDNN: kernel_choice.h
    SCOPED_TRACE(to_string(kernel));
    const Fastest fastest(kernel);
    expect_rounding(of(cpu_ops(), rounded));
  }
}

TEST_P(LayerTest, InferenceMatchesPlainOperations) {
  const at::Tensor mean = at::randn({GetParam().out}) / 4, variance = at::rand({GetParam().out}) + 0.5;
  const auto infer = [&](const LayerOps& ops, const at::Tensor& input, const at::Tensor& w) {
    return ops.infer_layer(input, w, bias, mean, variance, GetParam().pool, kEpsilon, GetParam().identity,
                           GetParam().convolution());
  };
  const at::Tensor slow = infer(cpu_ops(), x, weight.clone().requires_grad_());
  EXPECT_TRUE(slow.requires_grad());
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    expect_close(infer(*ops, x, weight), slow, 1e-4, "fp32");
    EXPECT_LT(relative_error(infer(*ops, x.to(at::kBFloat16), weight), slow), 0.01);
  }
}

TEST_P(LayerTest, TheConvolutionAloneMatchesPlainOperations) {
  const auto alone = [&](const LayerOps& ops, const at::Tensor& input) {
    return gradients_of(input, weight, bias, of_convolution, [&](const auto& a, const auto& w, const auto&) {
      return ops.convolution(a, w, GetParam().convolution());
    });
  };
  const at::Tensor rounded = x.to(at::kBFloat16).to(at::kFloat);
  weight = weight.to(at::kBFloat16).to(at::kFloat);
  const Gradients expected = alone(cpu_ops(), rounded.to(at::kDouble));
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    const Gradients found = alone(*ops, rounded);
    expect_close(found.y, expected.y, 1e-4, "y");
    expect_close(found.x, expected.x, 1e-4, "dx");
    expect_close(found.weight, expected.weight, 1e-4, "dweight");
    const Gradients bf16 = alone(*ops, rounded.to(at::kBFloat16));
    EXPECT_EQ(bf16.y.scalar_type(), at::kBFloat16);
    EXPECT_EQ(bf16.weight.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(bf16.y, expected.y), 0.02);
    EXPECT_LT(relative_error(bf16.x, expected.x), 0.05);
    EXPECT_LT(relative_error(bf16.weight, expected.weight), 0.05);
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

// 1x1 (72, 40 and 416 channels: wrong in fp32 in oneDNN 3.7 on a CPU with AVX-512 and AVX-VNNI), depthwise 3x3, 5x5 and
// 7x7, groups, strides on even and odd maps.
INSTANTIATE_TEST_SUITE_P(
    Kinds, LayerTest,
    testing::Values(LayerCase{9, 24, 48, 6, 6, false, false, 1}, LayerCase{9, 24, 72, 8, 8, false, false, 1},
                    LayerCase{50, 16, 40, 7, 7, false, false, 1}, LayerCase{9, 24, 416, 5, 5, false, false, 1},
                    LayerCase{8, 16, 40, 7, 5, false, false, 1, 2}, LayerCase{9, 32, 32, 6, 6, false, true, 1},
                    LayerCase{9, 24, 24, 8, 6, false, false, 3, 1, 24},
                    LayerCase{9, 16, 16, 9, 7, false, false, 3, 2, 16},
                    LayerCase{9, 24, 24, 8, 8, false, false, 5, 1, 24},
                    LayerCase{9, 16, 16, 9, 8, false, false, 5, 2, 16},
                    LayerCase{9, 16, 16, 9, 9, false, false, 7, 1, 16},
                    LayerCase{9, 24, 24, 8, 8, false, false, 7, 2, 24}, LayerCase{9, 16, 24, 8, 8, false, false, 3, 2},
                    LayerCase{9, 3, 16, 9, 9, false, false, 5}, LayerCase{9, 16, 24, 8, 8, true, false, 3, 1, 8}));

// Layers with a learned scale, and with what is added before the ReLU, if there is one.
struct ScaledCase {
  LayerCase layer;
  bool adds, relu;
};

class ScaledLayerTest : public testing::TestWithParam<ScaledCase> {};

TEST_P(ScaledLayerTest, MatchesPlainOperations) {
  const auto& [layer, adds, relu] = GetParam();
  torch::manual_seed(7);
  const auto side = [&](int of) { return int(convolved(of, layer.stride)); };
  const int inputs = layer.in / layer.groups;
  const auto rounded = [](const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kFloat); };
  std::vector<at::Tensor> given = {
      rounded(images(layer.batch, layer.in, layer.height, layer.width)),
      rounded(at::randn({layer.out, inputs, layer.kernel, layer.kernel}) / layer.kernel / std::sqrt(double(inputs))),
      at::randn({layer.out}), at::randn({layer.out})};
  given[2][0] = -0.5;
  if (adds) given.push_back(rounded(images(layer.batch, layer.out, side(layer.height), side(layer.width))));
  const at::Tensor dy = rounded(images(layer.batch, layer.out, side(layer.height), side(layer.width)));
  const auto results = [&](at::ScalarType images_type, at::ScalarType others, const auto& compute) {
    std::vector<at::Tensor> leaves;
    for (std::size_t i = 0; i < given.size(); ++i)
      leaves.push_back(given[i].to(i == 0 || i == 4 ? images_type : others).detach().clone().requires_grad_());
    const at::Tensor y = compute(leaves, adds ? leaves[4] : at::Tensor());
    y.backward(dy.to(y.scalar_type()));
    std::vector<at::Tensor> found = {y.detach()};
    for (const at::Tensor& leaf : leaves) found.push_back(leaf.grad());
    return found;
  };
  // In double, from the definition; `round`: where activations are rounded to bf16.
  const auto plain = [&](bool round) {
    return results(at::kDouble, at::kDouble, [&](const std::vector<at::Tensor>& t, const at::Tensor& other) {
      const auto kept = [&](const at::Tensor& x) { return round ? x.to(at::kBFloat16).to(at::kDouble) : x; };
      const at::Tensor z = kept(at::conv2d(t[0], t[1], {}, layer.stride, layer.kernel / 2, 1, layer.groups));
      const at::Tensor mean = z.mean(at::IntArrayRef{0, 2, 3}, true);
      const at::Tensor variance = (z - mean).square().mean(at::IntArrayRef{0, 2, 3}, true);
      const auto spread = [](const at::Tensor& v) { return v.view({1, -1, 1, 1}); };
      at::Tensor sum = (z - mean) * (variance + kEpsilon).rsqrt() * spread(t[2]) + spread(t[3]);
      if (adds) sum = sum + other;
      return kept(relu ? at::relu(sum) : sum);
    });
  };
  const auto of = [&](const LayerOps& ops, at::ScalarType type) {
    return results(type, at::kFloat, [&](const std::vector<at::Tensor>& t, const at::Tensor& other) {
      return ops.train_scaled_layer(t[0], t[1], t[2], t[3], other, relu, kEpsilon, layer.convolution()).y;
    });
  };
  const char* const names[] = {"y", "dx", "dweight", "dscale", "dbias", "dother"};
  const std::vector<at::Tensor> exact = plain(false), by_rounding = plain(true);
  for (const LayerOps* ops : {&cpu_ops(), &aten_ops()}) {
    const std::vector<at::Tensor> fp32 = of(*ops, at::kFloat), bf16 = of(*ops, at::kBFloat16);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      expect_close(fp32[i], exact[i], 2e-4, names[i]);
      EXPECT_LT(relative_error(bf16[i], by_rounding[i]), i == 0 ? 0.01 : 0.1) << names[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ScaledLayerTest,
                         testing::Values(ScaledCase{{9, 16, 16, 6, 6, false}, false, true},
                                         ScaledCase{{9, 16, 16, 6, 6, false}, true, true},
                                         ScaledCase{{8, 16, 24, 7, 7, false, false, 3, 2}, true, true},
                                         ScaledCase{{9, 24, 40, 5, 5, false, false, 1}, true, false},
                                         ScaledCase{{9, 24, 16, 8, 6, false, false, 1, 2}, false, false},
                                         ScaledCase{{9, 24, 24, 8, 6, false, false, 3, 1, 24}, false, true},
                                         ScaledCase{{9, 16, 16, 9, 8, false, false, 5, 2, 16}, false, false}));

// Subnets' weights are slices, which do not lie in one piece: fewer inputs, the centre of a larger kernel.
TEST(ScaledLayer, TakesSlicesOfWeights) {
  torch::manual_seed(3);
  const at::Tensor dense = at::randn({24, 40, 3, 3}) / 10, depthwise = at::randn({24, 1, 7, 7});
  struct Slice {
    at::Tensor of, weight;
    int groups;
  };
  for (const auto& [of, weight, groups] :
       {Slice{dense, dense.narrow(0, 0, 16).narrow(1, 0, 24), 1},
        Slice{depthwise, depthwise.narrow(2, 2, 3).narrow(3, 2, 3), 24},
        Slice{depthwise, depthwise.narrow(0, 0, 16).narrow(2, 1, 5).narrow(3, 1, 5), 16}}) {
    ASSERT_FALSE(weight.is_contiguous());
    const int out = int(weight.size(0)), in = int(weight.size(1)) * groups;
    const at::Tensor one = at::ones({out}), zero = at::zeros({out});
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor x = images(9, in, 8, 8).to(type);
      const auto results = [&](const at::Tensor& given) {
        const at::Tensor leaf = x.detach().clone().requires_grad_(), own = given.detach().requires_grad_();
        const at::Tensor y =
            cpu_ops().train_scaled_layer(leaf, own, one, zero, {}, true, kEpsilon, {.groups = groups}).y;
        (y * y).sum().backward();
        const at::Tensor alone = cpu_ops().convolution(x, given, {.groups = groups});
        return std::vector<at::Tensor>{y.detach(), leaf.grad(), own.grad().contiguous(), alone};
      };
      const auto sliced = results(weight), copied = results(weight.clone(at::MemoryFormat::Contiguous));
      for (std::size_t i = 0; i < sliced.size(); ++i)
        EXPECT_TRUE(at::equal(sliced[i], copied[i])) << groups << " " << i;
    }
  }
}

TEST(ScaledLayer, AScaleOfZeroHasFiniteGradients) {
  at::Tensor scale = at::tensor({0.0f, -0.0f, 1.0f}).requires_grad_();
  const at::Tensor x = images(4, 3, 6, 6).requires_grad_(), weight = at::randn({3, 3, 3, 3}).requires_grad_();
  const LayerOutput out = cpu_ops().train_scaled_layer(x, weight, scale, at::ones({3}), {}, true, kEpsilon, {});
  out.y.square().sum().backward();
  for (const at::Tensor& t : {x, weight, scale}) EXPECT_TRUE(at::isfinite(t.grad()).all().item<bool>());
}

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

}  // namespace
}  // namespace triage::supernet
