#include "supernet/ops/aten_layer.h"
#include "supernet/ops/layer_ops.h"

namespace triage::supernet {
namespace {

constexpr std::int64_t kAlign = 8;  // channels; of the matrix units of GPUs, in bf16

std::int64_t aligned(std::int64_t channels) { return (channels + kAlign - 1) / kAlign * kAlign; }

// With zeros behind, up to `size` of the dimension that is the `back`-th from the end.
at::Tensor padded(const at::Tensor& t, int back, std::int64_t size) {
  const std::int64_t missing = size - t.size(-back);
  if (missing == 0) return t;
  std::vector<std::int64_t> amounts(static_cast<std::size_t>(2 * back));
  amounts.back() = missing;
  return at::constant_pad_nd(t, amounts);
}

// On a GPU all channel counts are multiples of kAlign.
struct Padded {
  at::Tensor x, weight, bias;
};
Padded pad(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool gpu = x.is_cuda();
  const std::int64_t in = gpu ? aligned(x.size(1)) : x.size(1);
  const std::int64_t out = gpu ? aligned(weight.size(0)) : weight.size(0);
  const at::Tensor images = in == x.size(1) ? x : padded(x, 3, in).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor typed = padded(padded(weight.to(x.scalar_type()), 3, in), 4, out);
  return {images, typed.contiguous(at::MemoryFormat::ChannelsLast), padded(bias, 1, out)};
}

at::Tensor convolve_and_pool(const Padded& layer, bool pool) {
  const at::Tensor z = convolve(layer.x, layer.weight);
  return pool ? at::max_pool2d(z, 2) : z;
}

class AtenOps : public LayerOps {
 public:
  LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                          double epsilon, bool identity) const override {
    const Padded layer = pad(x, weight, bias);
    const at::Tensor z = convolve_and_pool(layer, pool);
    const double count = double(z.numel()) / double(z.size(1));
    // With momentum 1 the running statistics are those of the batch; the variance comes out unbiased.
    const at::Tensor mean = at::zeros({z.size(1)}, bias.options().requires_grad(false));
    const at::Tensor variance = at::ones_like(mean), one = at::ones_like(mean);
    const at::Tensor hat = at::batch_norm(z, one, layer.bias, mean, variance, true, 1.0, epsilon, true);
    if (identity) add_identity(hat, x, passed(weight));
    const std::int64_t channels = weight.size(0);
    return {at::relu(hat), mean.narrow(0, 0, channels), variance.narrow(0, 0, channels) * ((count - 1) / count), count};
  }

  at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& own_weight, const at::Tensor& bias,
                         const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon,
                         bool identity) const override {
    const at::Tensor weight = identity ? fold_identity(own_weight, variance, epsilon) : own_weight;
    const Padded layer = pad(x, weight, bias);
    const at::Tensor z = convolve_and_pool(layer, pool);
    const std::int64_t out = z.size(1);
    const auto spread = [&](const at::Tensor& v) { return padded(v, 1, out).view({1, -1, 1, 1}); };
    const at::Tensor hat = (z - spread(mean)) * spread(at::rsqrt(variance + epsilon));  // fp32
    return at::relu(hat + spread(bias)).to(x.scalar_type());
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

at::Tensor fold_identity(const at::Tensor& weight, const at::Tensor& variance, double epsilon) {
  at::Tensor folded = weight.clone();
  const std::int64_t channels = passed(weight);
  folded.select(3, 1)
      .select(2, 1)
      .narrow(0, 0, channels)
      .narrow(1, 0, channels)
      .diagonal()
      .add_((variance + epsilon).sqrt().narrow(0, 0, channels).to(weight.scalar_type()));
  return folded;
}

}  // namespace triage::supernet
