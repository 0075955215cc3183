#include "supernet/network.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "supernet/each_batch.h"
#include "supernet/ops/layer_ops.h"
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

std::string exit_name(int block) { return std::format("exit{}", block); }

// The first `count` of dimension 0 (and 1), dense; the tensor itself when that is all of it.
at::Tensor first(const at::Tensor& t, std::int64_t count) { return t.size(0) == count ? t : t.narrow(0, 0, count); }
at::Tensor first(const at::Tensor& t, std::int64_t outputs, std::int64_t inputs) {
  if (t.size(0) == outputs && t.size(1) == inputs) return t;
  return t.narrow(0, 0, outputs).narrow(1, 0, inputs).contiguous();
}

void move_average(at::Tensor& running, const at::Tensor& batch, double momentum) {
  running.mul_(1 - momentum).add_(batch, momentum);
}

}  // namespace

NetworkImpl::NetworkImpl(plan::SearchSpace space, plan::InputShape input, int classes, NetworkOptions options,
                         std::uint64_t seed)
    : space_(std::move(space)),
      arch_(space_.largest()),
      input_(input),
      classes_(classes),
      options_(std::move(options)),
      layers_(plan::conv_layers(arch_, input)) {
  const int blocks = static_cast<int>(arch_.blocks.size());
  if (classes < 1) fail("network {}: expected at least one class, found {}", space_.text(), classes);
  if (options_.features_block < 0 || options_.features_block >= blocks) {
    fail("network {}: features_block: expected 0 to {}, found {}", space_.text(), blocks - 1, options_.features_block);
  }
  for (std::size_t i = 0; i < options_.exits.size(); ++i) {
    const int least = i > 0 ? options_.exits[i - 1] + 1 : 0;
    if (options_.exits[i] < least || options_.exits[i] > blocks - 2) {
      fail("network {}: exits: expected rising blocks from 0 to {}, found {}", space_.text(), blocks - 2,
           options_.exits[i]);
    }
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const plan::ConvLayer& layer = layers_[i];
    if (layer.index == 0) first_layer_.push_back(i);
    // A subnet that leaves out the last layers of the block before hands over the width of an earlier one.
    int inputs = layer.in_channels;
    if (layer.index == 0 && layer.block > 0) inputs = space_.widest_end(static_cast<std::size_t>(layer.block) - 1);
    std::string name = layer.name();
    Rng rng(derive_seed(seed, "weights/" + name));
    std::replace(name.begin(), name.end(), '.', '_');
    const bool stem = i == 0, frozen = stem && options_.freeze_stem;
    at::Tensor weight = uniform_weight({layer.out_channels, inputs, 3, 3}, rng);
    if (!stem && !has_identity(layer)) make_identity(weight);
    Layer tensors;
    tensors.weight = register_parameter(name + "_weight", weight, !frozen);
    tensors.bias = register_parameter(name + "_bias", at::zeros({layer.out_channels}), !frozen);
    tensors.running_mean = register_buffer(name + "_running_mean", at::zeros({layer.out_channels}));
    tensors.running_var = register_buffer(name + "_running_var", at::ones({layer.out_channels}));
    weights_.push_back(std::move(tensors));
  }
  const auto add_head = [&](const std::string& name, int block) {
    Rng rng(derive_seed(seed, "weights/" + name));
    const int width = space_.widest_end(static_cast<std::size_t>(block));
    heads_.push_back({register_parameter(name + "_weight", uniform_weight({classes, width}, rng)),
                      register_parameter(name + "_bias", at::zeros({classes}))});
  };
  for (const int block : options_.exits) add_head(exit_name(block), block);
  add_head("head", blocks - 1);
}

void NetworkImpl::whiten_stem(const at::Tensor& images, double epsilon) {
  const at::NoGradGuard no_grad;
  const at::Tensor filters = whitening_filters(images, layers_[0].out_channels / 2, epsilon);
  weights_[0].weight.slice(0, 0, filters.size(0)).copy_(filters);
}

void NetworkImpl::check_images(const at::Tensor& images) const {
  if (images.dim() != 4 || images.size(1) != input_.channels || images.size(2) != input_.height ||
      images.size(3) != input_.width) {
    fail("network {}: expected images [N, {}, {}, {}], found {} dimensions of {} elements", space_.text(),
         input_.channels, input_.height, input_.width, images.dim(), images.numel());
  }
}

NetworkOutput NetworkImpl::forward(const at::Tensor& images, bool features) { return forward(images, arch_, features); }

NetworkOutput NetworkImpl::forward(const at::Tensor& images, const plan::ArchSpec& subnet, bool features) {
  return run(images, subnet, features, nullptr);
}

NetworkOutput NetworkImpl::run(const at::Tensor& images, const plan::ArchSpec& subnet, bool features,
                               std::vector<Statistics>* gathered) {
  check_images(images);
  const bool largest = subnet == arch_;
  if (!largest) {
    space_.check(subnet);
    if (!is_training()) {
      fail("network {}: expected training mode for the subnet {}; extract it to evaluate it", space_.text(),
           subnet.text());
    }
  }
  NetworkOutput output;
  at::Tensor x = images.to(options_.bf16 ? at::kBFloat16 : at::kFloat);
  const std::vector<plan::ConvLayer> smaller =
      largest ? std::vector<plan::ConvLayer>{} : plan::conv_layers(subnet, input_);
  const std::vector<plan::ConvLayer>& layers = largest ? layers_ : smaller;
  const LayerOps& ops = ops_of(x.device());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    x = run_layer(layers[i], x, largest, gathered);
    if (i + 1 < layers.size() && layers[i + 1].block == layers[i].block) continue;
    const int block = layers[i].block;
    if (features && block == options_.features_block)
      output.features = x.mean({2, 3}, false, at::kFloat).narrow(1, 0, layers[i].out_channels);
    const auto exit = std::ranges::find(options_.exits, block);
    if (exit == options_.exits.end()) continue;
    const at::Tensor pooled = is_training() ? passing_back(ops.global_max(x)) : ops.global_max(x);
    output.exits.push_back(
        run_head(heads_[static_cast<std::size_t>(exit - options_.exits.begin())], pooled, layers[i].out_channels));
  }
  output.logits = run_head(heads_.back(), ops.global_max(x), layers.back().out_channels);
  return output;
}

// An exit's gradient goes on in part.
at::Tensor NetworkImpl::passing_back(const at::Tensor& pooled) const {
  const double share = options_.exit_gradient;
  return pooled * share + pooled.detach() * (1 - share);
}

at::Tensor NetworkImpl::run_head(const Head& head, const at::Tensor& pooled, std::int64_t width) const {
  const at::Tensor weight = head.weight.size(1) == width ? head.weight : head.weight.narrow(1, 0, width);
  const at::Tensor own = pooled.size(1) == width ? pooled : pooled.narrow(1, 0, width);
  return at::linear(own, weight, head.bias) * options_.head_scale;
}

NetworkImpl::Layer& NetworkImpl::layer_of(const plan::ConvLayer& place) {
  return weights_[first_layer_[static_cast<std::size_t>(place.block)] + static_cast<std::size_t>(place.index)];
}

at::Tensor NetworkImpl::run_layer(const plan::ConvLayer& place, const at::Tensor& x, bool largest,
                                  std::vector<Statistics>* gathered) {
  Layer& layer = layer_of(place);
  const at::Tensor weight = first(layer.weight, place.out_channels, place.in_channels);
  const at::Tensor bias = first(layer.bias, place.out_channels);
  if (!is_training()) {
    return ops_of(x.device())
        .infer_layer(x, weight, bias, layer.running_mean, layer.running_var, place.pool, options_.epsilon,
                     has_identity(place));
  }
  LayerOutput out = ops_of(x.device()).train_layer(x, weight, bias, place.pool, options_.epsilon, has_identity(place));
  Statistics batch{out.mean, out.variance, out.count};
  if (gathered != nullptr) {
    gathered->push_back(std::move(batch));
  } else if (largest && keeps_statistics_) {
    update_statistics(layer, batch);
  }
  return out.y;
}

std::size_t NetworkImpl::head_behind(std::size_t blocks) const {
  if (blocks == arch_.blocks.size()) return heads_.size() - 1;
  const auto exit = std::ranges::find(options_.exits, static_cast<int>(blocks) - 1);
  if (exit == options_.exits.end()) {
    fail("network {}: expected an exit behind block {}, found none", space_.text(), static_cast<int>(blocks) - 1);
  }
  return static_cast<std::size_t>(exit - options_.exits.begin());
}

std::shared_ptr<NetworkImpl> NetworkImpl::extract(const plan::ArchSpec& subnet) const {
  const std::size_t blocks = subnet.blocks.size();
  NetworkOptions options = options_;
  if (blocks > 0 && blocks < arch_.blocks.size()) {  // ends at an exit
    plan::ArchSpec whole = subnet;
    const plan::ArchSpec smallest = space_.smallest();
    whole.blocks.insert(whole.blocks.end(), smallest.blocks.begin() + static_cast<std::ptrdiff_t>(blocks),
                        smallest.blocks.end());
    space_.check(whole);
    options.exits.resize(head_behind(blocks));
    options.features_block = std::min(options.features_block, static_cast<int>(blocks) - 1);
  } else {
    space_.check(subnet);
  }
  const at::NoGradGuard no_grad;
  auto result = std::make_shared<NetworkImpl>(plan::SearchSpace::only(subnet), input_, classes_, options, /*seed=*/0);
  result->to(weights_[0].weight.device());
  for (const plan::ConvLayer& place : result->layers_) {
    Layer& to = result->layer_of(place);
    const Layer& from = const_cast<NetworkImpl*>(this)->layer_of(place);
    to.weight.copy_(first(from.weight, place.out_channels, to.weight.size(1)));
    to.bias.copy_(first(from.bias, place.out_channels));
    to.running_mean.copy_(first(from.running_mean, place.out_channels));
    to.running_var.copy_(first(from.running_var, place.out_channels));
  }
  for (std::size_t i = 0; i < result->heads_.size(); ++i) {
    Head& to = result->heads_[i];
    const Head& from = heads_[i + 1 == result->heads_.size() ? head_behind(blocks) : i];
    to.weight.copy_(from.weight.narrow(1, 0, to.weight.size(1)));
    to.bias.copy_(from.bias);
  }
  return result;
}

void NetworkImpl::update_statistics(Layer& layer, const Statistics& batch) {
  const at::NoGradGuard no_grad;
  const auto& [mean, var, count] = batch;
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

void NetworkImpl::recalibrate(const std::vector<at::Tensor>& batches) {
  const at::Device device = weights_[0].weight.device();
  if (device.is_cpu() && kernel_choice().measures() && !batches.empty()) {  // before threads disturb each other
    const OneThread one;
    const at::NoGradGuard no_grad;
    std::vector<Statistics> ignored;
    run(batches.front().narrow(0, 0, 1), arch_, false, &ignored);
  }
  std::vector<std::vector<Statistics>> gathered(batches.size());
  for_each_batch(device, batches.size(), [&](std::size_t i) { run(batches[i], arch_, false, &gathered[i]); });
  recalibrate_begin();
  for (const std::vector<Statistics>& of_batch : gathered) {
    for (std::size_t i = 0; i < of_batch.size(); ++i) update_statistics(layer_of(layers_[i]), of_batch[i]);
  }
  recalibrate_end();
}

std::vector<FoldedLayer> NetworkImpl::folded() const {
  const at::NoGradGuard no_grad;
  std::vector<FoldedLayer> result;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto wide = [](const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); };
    const Layer& layer = weights_[i];
    const at::Tensor rstd = (wide(layer.running_var) + options_.epsilon).rsqrt();
    at::Tensor weight = wide(first(layer.weight, layers_[i].out_channels, layers_[i].in_channels));
    if (has_identity(layers_[i])) weight = fold_identity(weight, wide(layer.running_var), options_.epsilon);
    result.push_back({layers_[i], (weight * rstd.view({-1, 1, 1, 1})).to(at::kFloat).contiguous(),
                      (wide(layer.bias) - wide(layer.running_mean) * rstd).to(at::kFloat).contiguous()});
  }
  return result;
}

FoldedHead NetworkImpl::folded_head(std::size_t blocks) const {
  const at::NoGradGuard no_grad;
  const Head& head = heads_[head_behind(blocks)];
  const at::Tensor weight = head.weight.narrow(1, 0, arch_.blocks[blocks - 1].back()).cpu() * options_.head_scale;
  return {weight.contiguous(), (head.bias.cpu() * options_.head_scale).contiguous()};
}

std::string NetworkImpl::head_name(std::size_t index) const {
  return index + 1 == heads_.size() ? "head" : exit_name(options_.exits[index]);
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
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    state.push_back({head_name(i) + ".weight", heads_[i].weight});
    state.push_back({head_name(i) + ".bias", heads_[i].bias});
  }
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
  for (std::size_t i = 0; i < heads_.size(); ++i) result.push_back({head_name(i) + ".weight", heads_[i].weight});
  return result;
}

NamedTensors NetworkImpl::trainable_biases() const {
  NamedTensors result;
  for (std::size_t i = options_.freeze_stem ? 1 : 0; i < layers_.size(); ++i) {
    result.push_back({layers_[i].name() + ".bias", weights_[i].bias});
  }
  for (std::size_t i = 0; i < heads_.size(); ++i) result.push_back({head_name(i) + ".bias", heads_[i].bias});
  return result;
}

}  // namespace triage::supernet
