#include "supernet/network.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "supernet/functions.h"
#include "supernet/whiten.h"

namespace triage::supernet {
namespace {

// PyTorch's default for convolutions and linear layers: uniform within 1 / sqrt(fan_in).
at::Tensor uniform_weight(at::IntArrayRef sizes, Rng& rng) {
  at::Tensor weight = at::empty(sizes, at::kFloat);
  const double bound = 1 / std::sqrt(double(weight.numel()) / double(sizes[0]));
  float* const w = weight.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < weight.numel(); ++i) w[i] = static_cast<float>((2 * rng.uniform() - 1) * bound);
  return weight;
}

// The first outputs pass one input channel each through unchanged (Zagoruyko, Komodakis 2017: "dirac").
void make_identity(at::Tensor& weight) {
  const std::int64_t count = std::min(weight.size(0), weight.size(1));
  weight.slice(0, 0, count).zero_();
  for (std::int64_t c = 0; c < count; ++c) weight[c][c][1][1].fill_(1);
}

void move_average(at::Tensor& running, const at::Tensor& batch, double momentum) {
  running.mul_(1 - momentum).add_(batch, momentum);
}

}  // namespace

NetworkImpl::NetworkImpl(plan::ArchSpec arch, plan::InputShape input, int classes, NetworkOptions options,
                         std::uint64_t seed)
    : arch_(std::move(arch)),
      input_(input),
      classes_(classes),
      options_(options),
      layers_(plan::conv_layers(arch_, input)) {
  if (classes < 1) fail("network {}: expected at least one class, found {}", arch_.text(), classes);
  if (options.features_block < 0 || options.features_block >= static_cast<int>(arch_.blocks.size())) {
    fail("network {}: features_block: expected 0 to {}, found {}", arch_.text(), arch_.blocks.size() - 1,
         options.features_block);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const plan::ConvLayer& layer = layers_[i];
    std::string name = layer.name();
    Rng rng(derive_seed(seed, "weights/" + name));
    std::replace(name.begin(), name.end(), '.', '_');
    const bool stem = i == 0, frozen = stem && options.freeze_stem;
    at::Tensor weight = uniform_weight({layer.out_channels, layer.in_channels, 3, 3}, rng);
    if (!stem) make_identity(weight);
    Layer tensors;
    tensors.weight = register_parameter(name + "_weight", weight, !frozen);
    tensors.bias = register_parameter(name + "_bias", at::zeros({layer.out_channels}), !frozen);
    tensors.running_mean = register_buffer(name + "_running_mean", at::zeros({layer.out_channels}));
    tensors.running_var = register_buffer(name + "_running_var", at::ones({layer.out_channels}));
    weights_.push_back(std::move(tensors));
  }
  Rng rng(derive_seed(seed, "weights/head"));
  head_weight_ = register_parameter("head_weight", uniform_weight({classes, arch_.head_width()}, rng));
  head_bias_ = register_parameter("head_bias", at::zeros({classes}));
}

void NetworkImpl::whiten_stem(const at::Tensor& images, double epsilon) {
  const at::NoGradGuard no_grad;
  const at::Tensor filters = whitening_filters(images, layers_[0].out_channels / 2, epsilon);
  weights_[0].weight.slice(0, 0, filters.size(0)).copy_(filters);
}

NetworkOutput NetworkImpl::forward(const at::Tensor& images, bool features) {
  if (images.dim() != 4 || images.size(1) != input_.channels || images.size(2) != input_.height ||
      images.size(3) != input_.width) {
    fail("network {}: expected images [N, {}, {}, {}], found {} dimensions of {} elements", arch_.text(),
         input_.channels, input_.height, input_.width, images.dim(), images.numel());
  }
  NetworkOutput output;
  at::Tensor x = images.to(options_.bf16 ? at::kBFloat16 : at::kFloat);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = run_layer(i, x);
    const bool block_ends = i + 1 == layers_.size() || layers_[i + 1].block != layers_[i].block;
    if (features && block_ends && layers_[i].block == options_.features_block) {
      output.features = x.mean({2, 3}, false, at::kFloat);
    }
  }
  output.logits = at::linear(global_max(x), head_weight_, head_bias_) * options_.head_scale;
  return output;
}

at::Tensor NetworkImpl::run_layer(std::size_t index, const at::Tensor& x) {
  Layer& layer = weights_[index];
  const bool pool = layers_[index].pool;
  if (!is_training()) {
    return infer_layer(x, layer.weight, layer.bias, layer.running_mean, layer.running_var, pool, options_.epsilon);
  }
  LayerOutput out = train_layer(x, layer.weight, layer.bias, pool, options_.epsilon);
  update_statistics(layer, out.mean, out.variance, out.count);
  return out.y;
}

void NetworkImpl::update_statistics(Layer& layer, const at::Tensor& mean, const at::Tensor& var, double count) {
  const at::NoGradGuard no_grad;
  if (recalibrating_) {
    const at::Tensor centre = mean.to(at::kDouble);
    layer.sum_mean += centre * count;
    layer.sum_second += (var.to(at::kDouble) + centre.square()) * count;
    layer.seen += count;
  } else {
    move_average(layer.running_mean, mean, options_.momentum);
    move_average(layer.running_var, var * (count / std::max(1.0, count - 1)), options_.momentum);
  }
}

void NetworkImpl::recalibrate_begin() {
  recalibrating_ = true;
  for (Layer& layer : weights_) {
    layer.sum_mean = at::zeros_like(layer.running_mean, at::kDouble);
    layer.sum_second = at::zeros_like(layer.running_mean, at::kDouble);
    layer.seen = 0;
  }
}

void NetworkImpl::recalibrate_end() {
  const at::NoGradGuard no_grad;
  if (!recalibrating_ || weights_[0].seen == 0) fail("network {}: recalibration saw no batch", arch_.text());
  recalibrating_ = false;
  for (Layer& layer : weights_) {
    const at::Tensor mean = layer.sum_mean / layer.seen;
    layer.running_mean.copy_(mean);
    layer.running_var.copy_((layer.sum_second / layer.seen - mean.square()).clamp_min(0));
    layer.sum_mean.reset();
    layer.sum_second.reset();
  }
}

std::vector<FoldedLayer> NetworkImpl::folded() const {
  const at::NoGradGuard no_grad;
  std::vector<FoldedLayer> result;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto wide = [](const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); };
    const Layer& layer = weights_[i];
    const at::Tensor rstd = (wide(layer.running_var) + options_.epsilon).rsqrt();
    result.push_back({layers_[i], (wide(layer.weight) * rstd.view({-1, 1, 1, 1})).to(at::kFloat).contiguous(),
                      (wide(layer.bias) - wide(layer.running_mean) * rstd).to(at::kFloat).contiguous()});
  }
  return result;
}

FoldedHead NetworkImpl::folded_head() const {
  const at::NoGradGuard no_grad;
  return {(head_weight_.cpu() * options_.head_scale).contiguous(),
          (head_bias_.cpu() * options_.head_scale).contiguous()};
}

NamedTensors NetworkImpl::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string name = layers_[i].name();
    const Layer& layer = weights_[i];
    state.push_back({name + ".weight", layer.weight});
    state.push_back({name + ".bias", layer.bias});
    state.push_back({name + ".running_mean", layer.running_mean});
    state.push_back({name + ".running_var", layer.running_var});
  }
  state.push_back({"head.weight", head_weight_});
  state.push_back({"head.bias", head_bias_});
  return state;
}

void NetworkImpl::load_state(const NamedTensors& state, const std::string& origin) {
  copy_state(this->state(), state, origin);
}

NamedTensors NetworkImpl::trainable_weights() const {
  NamedTensors result;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (weights_[i].weight.requires_grad()) result.push_back({layers_[i].name() + ".weight", weights_[i].weight});
  }
  result.push_back({"head.weight", head_weight_});
  return result;
}

NamedTensors NetworkImpl::trainable_biases() const {
  NamedTensors result;
  for (std::size_t i = options_.freeze_stem ? 1 : 0; i < layers_.size(); ++i) {
    result.push_back({layers_[i].name() + ".bias", weights_[i].bias});
  }
  result.push_back({"head.bias", head_bias_});
  return result;
}

}  // namespace triage::supernet
