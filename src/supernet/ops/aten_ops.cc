#include <algorithm>

#include "supernet/ops/layer_ops.h"

namespace triage::supernet {
namespace {

constexpr std::int64_t kAlign = 8;  // channels; of the matrix units of GPUs, in bf16

std::int64_t aligned(std::int64_t channels) { return (channels + kAlign - 1) / kAlign * kAlign; }

// The channels that an identity beside a layer of these weights passes on.
std::int64_t passed(const at::Tensor& weight) { return std::min(weight.size(0), weight.size(1)); }

// With zeros behind, up to `size` of the dimension that is the `back`-th from the end.
at::Tensor padded(const at::Tensor& t, int back, std::int64_t size) {
  const std::int64_t missing = size - t.size(-back);
  if (missing == 0) return t;
  std::vector<std::int64_t> amounts(static_cast<std::size_t>(2 * back));
  amounts.back() = missing;
  return at::constant_pad_nd(t, amounts);
}

// On a GPU all channel counts are multiples of kAlign; not where there are groups.
struct Padded {
  at::Tensor x, weight, bias;
};
Padded pad(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Convolution& convolution = {}) {
  if (const std::int64_t inputs = weight.size(1) * convolution.groups; convolution.groups > 1) {
    const at::Tensor own = inputs == x.size(1) ? x : x.narrow(1, 0, inputs);
    return {own.contiguous(at::MemoryFormat::ChannelsLast),
            weight.to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast), bias};
  }
  const bool gpu = x.is_cuda();
  const std::int64_t in = gpu ? aligned(x.size(1)) : x.size(1);
  const std::int64_t out = gpu ? aligned(weight.size(0)) : weight.size(0);
  const at::Tensor images = in == x.size(1) ? x : padded(x, 3, in).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor typed = padded(padded(weight.to(x.scalar_type()), 3, in), 4, out);
  return {images, typed.contiguous(at::MemoryFormat::ChannelsLast), padded(bias, 1, out)};
}

at::Tensor convolve_and_pool(const Padded& layer, bool pool, const Convolution& convolution = {}) {
  const at::Tensor z = convolve(layer.x, layer.weight, convolution);
  return pool ? at::max_pool2d(z, 2) : z;
}

// By the statistics of this batch. Momentum 1 makes the running statistics those of the batch; the variance comes out
// of them unbiased, and is given as the batch's own.
struct Normed {
  at::Tensor hat, mean, variance;
  double count = 0;
};
Normed normed(const at::Tensor& z, const at::Tensor& scale, const at::Tensor& bias, double epsilon) {
  const double count = double(z.numel()) / double(z.size(1));
  const at::Tensor mean = at::zeros({z.size(1)}, bias.options().requires_grad(false)), variance = at::ones_like(mean);
  const at::Tensor hat = at::batch_norm(z, scale, bias, mean, variance, true, 1.0, epsilon, true);
  return {hat, mean, variance * ((count - 1) / count), count};
}

class AtenOps : public LayerOps {
 public:
  LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                          double epsilon, bool identity, const Convolution& convolution) const override {
    const Padded layer = pad(x, weight, bias, convolution);
    const at::Tensor z = convolve_and_pool(layer, pool, convolution);
    const at::Tensor one = at::ones({z.size(1)}, bias.options().requires_grad(false));
    const auto [hat, mean, variance, count] = normed(z, one, layer.bias, epsilon);
    if (const std::int64_t channels = passed(weight); identity)
      hat.narrow(1, 0, channels).add_(x.narrow(1, 0, channels));
    const std::int64_t channels = weight.size(0);
    return {at::relu(hat), mean.narrow(0, 0, channels), variance.narrow(0, 0, channels), count};
  }

  LayerOutput train_scaled_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                                 const at::Tensor& bias, const at::Tensor& other, bool relu, double epsilon,
                                 const Convolution& convolution) const override {
    const auto [hat, mean, variance, count] = normed(convolve(x, weight, convolution), scale, bias, epsilon);
    const at::Tensor sum = other.defined() ? hat + other : hat;
    return {relu ? at::relu(sum) : sum, mean, variance, count};
  }

  at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& own_weight, const at::Tensor& bias,
                         const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon, bool identity,
                         const Convolution& convolution) const override {
    const at::Tensor weight = identity ? fold_identity(own_weight, variance, epsilon) : own_weight;
    const Padded layer = pad(x, weight, bias, convolution);
    const at::Tensor z = convolve_and_pool(layer, pool, convolution);
    const std::int64_t out = z.size(1);
    const auto spread = [&](const at::Tensor& v) { return padded(v, 1, out).view({1, -1, 1, 1}); };
    const at::Tensor hat = (z - spread(mean)) * spread(at::rsqrt(variance + epsilon));  // fp32
    return at::relu(hat + spread(bias)).to(x.scalar_type());
  }

  at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution) const override {
    return convolve(x, weight, convolution);
  }

  at::Tensor global_max(const at::Tensor& x) const override { return at::amax(x, {2, 3}).to(at::kFloat); }
};

}  // namespace

const LayerOps& aten_ops() {
  static const AtenOps ops;
  return ops;
}

const LayerOps& ops_of(at::Device device) { return device.is_cpu() ? cpu_ops() : aten_ops(); }

at::Tensor train_layer_of_groups(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                                 double epsilon, bool identity, const at::Tensor& channels, bool optional) {
  const Padded layer = pad(x, weight, bias);
  const at::Tensor z = convolve_and_pool(layer, pool);
  const std::int64_t groups = channels.size(0), out = z.size(1);
  const at::Tensor one = at::ones({out}, bias.options().requires_grad(false));
  std::vector<at::Tensor> hats;
  for (const at::Tensor& part : z.chunk(groups))
    hats.push_back(at::batch_norm(part, one, layer.bias, {}, {}, true, 0.0, epsilon, true));
  at::Tensor hat = at::cat(hats);
  if (identity) hat = hat + padded(layer.x.narrow(1, 0, std::min(layer.x.size(1), out)), 3, out);
  const auto of_images = [&](const at::Tensor& group) {  // [groups, k] -> [N, k, 1, 1]
    return group.unsqueeze(1).expand({-1, x.size(0) / groups, -1}).reshape({x.size(0), -1, 1, 1});
  };
  at::Tensor y = at::relu(hat) * of_images(padded(channels.to(x.scalar_type()), 1, out));
  if (!optional) return y;
  const std::int64_t wider = std::max(layer.x.size(1), out);
  return at::where(of_images(channels.narrow(1, 0, 1)), padded(y, 3, wider), padded(layer.x, 3, wider));
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution) {
  const std::int64_t padding = weight.size(2) / 2, stride = convolution.stride, groups = convolution.groups;
  if (!x.is_cpu())
    return at::conv2d(x, weight.to(x.scalar_type()), {}, {stride, stride}, {padding, padding}, {1, 1}, groups);
  const at::ScalarType type = at::promote_types(x.scalar_type(), at::kFloat);
  at::Tensor wide = x.to(type);
  const bool skips = padding == 0 && stride > 1;
  if (skips) {
    wide = wide.slice(2, 0, wide.size(2), stride).slice(3, 0, wide.size(3), stride);
    wide = wide.contiguous(at::MemoryFormat::ChannelsLast);
  }
  const std::int64_t left = skips ? 1 : stride;
  if (padding == 0 && left == 1 && groups == 1) return convolution_1x1(wide, weight.to(type)).to(x.scalar_type());
  return at::conv2d(wide, weight.to(type), {}, {left, left}, {padding, padding}, {1, 1}, groups).to(x.scalar_type());
}

at::Tensor fold_identity(const at::Tensor& weight, const at::Tensor& variance, double epsilon) {
  at::Tensor folded = weight.clone();
  const std::int64_t channels = passed(weight);
  folded.select(3, weight.size(3) / 2)
      .select(2, weight.size(2) / 2)
      .narrow(0, 0, channels)
      .narrow(1, 0, channels)
      .diagonal()
      .add_((variance + epsilon).sqrt().narrow(0, 0, channels).to(weight.scalar_type()));
  return folded;
}

}  // namespace triage::supernet
