#include "supernet/modules/elastic_network.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "supernet/ops/layer_ops.h"
#include "supernet/ops/resize.h"

namespace triage::supernet {
namespace {

using family::Activation;
using family::Layer;
using family::LayerKind;

std::string registered(std::string name) {
  std::ranges::replace_if(name, [](char c) { return c == '.' || c == '/'; }, '_');
  return name;
}

// Convolutions: normal, of variance 2 / fan-out (He et al. 2015); linear layers: uniform within 1 / sqrt(fan-in).
at::Tensor initial(const family::WeightSpec& spec, std::uint64_t seed) {
  at::Tensor weight = at::zeros(spec.dims, at::kFloat);
  if (spec.dims.size() == 1) return weight;
  Rng rng(derive_seed(seed, "weights/" + spec.name));
  const double fan_in = double(weight.numel()) / double(spec.dims[0]),
               taps = double(weight.numel()) / double(spec.dims[0] * spec.dims[1]);
  const double deviation = std::sqrt(2 / (taps * double(spec.dims[1] == 1 ? 1 : spec.dims[0]))),
               bound = 1 / std::sqrt(fan_in);
  float* const w = weight.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < weight.numel(); ++i) {
    w[i] = static_cast<float>(spec.dims.size() == 4 ? rng.normal() * deviation : (2 * rng.uniform() - 1) * bound);
  }
  return weight;
}

at::Tensor activated(Activation activation, const at::Tensor& x) {
  if (activation == Activation::relu) return at::relu(x);
  return activation == Activation::hard_swish ? at::hardswish(x) : x;
}

// For each layer whether it is a convolution that a sum alone reads, as its input: they are computed in one.
std::vector<bool> summed(const family::Blueprint& net) {
  std::vector<int> readers(net.layers.size());
  std::vector<bool> found(net.layers.size());
  const auto read = [&](int layer) {
    if (layer != family::kImage) ++readers[static_cast<std::size_t>(layer)];
  };
  for (const Layer& layer : net.layers) {
    read(layer.input);
    if (layer.kind == LayerKind::add) read(layer.other);
  }
  for (const Layer& layer : net.layers) {
    if (layer.kind != LayerKind::add || layer.input == family::kImage) continue;
    const auto input = static_cast<std::size_t>(layer.input);
    const Layer& before = net.layers[input];
    found[input] = before.kind == LayerKind::conv && before.activation == Activation::none && readers[input] == 1;
  }
  for (const int end : net.section_ends) found[static_cast<std::size_t>(end)] = false;  // exits read them
  return found;
}

}  // namespace

ElasticNetworkImpl::ElasticNetworkImpl(const std::string& space, plan::InputShape input, int classes,
                                       ElasticOptions options, std::uint64_t seed)
    : space_(family::AnySpace::parse(space)),
      arch_(space_->largest()),
      input_(input),
      seen_(family::blueprint(arch_, input_, classes).input),
      classes_(classes),
      options_(std::move(options)) {
  const int sections = static_cast<int>(space_->sections());
  if (options_.features_section < 0 || options_.features_section >= sections) {
    fail("network {}: features_section: expected 0 to {}, found {}", space, sections - 1, options_.features_section);
  }
  for (std::size_t i = 0; i < options_.exits.size(); ++i) {
    const int least = i > 0 ? options_.exits[i - 1] + 1 : 0;
    if (options_.exits[i] < least || options_.exits[i] > sections - 2) {
      fail("network {}: exits: expected rising sections from 0 to {}, found {}", space, sections - 2,
           options_.exits[i]);
    }
  }
  for (const Layer& layer : all_layers()) make_layer(layer, seed);
}

Layer ElasticNetworkImpl::exit_head(int section, int width) const {
  return {.kind = LayerKind::linear,
          .name = std::format("exit{}", section),
          .in_channels = width,
          .out_channels = classes_,
          .activation = family::Activation::none};
}

std::vector<Layer> ElasticNetworkImpl::all_layers() const {
  std::vector<Layer> layers;
  const auto widen = [&](const Layer& layer) {
    const auto found = std::ranges::find(layers, layer.name, &Layer::name);
    if (found == layers.end()) {
      layers.push_back(layer);
      return;
    }
    const bool depthwise = layer.depthwise() || found->depthwise();
    for (int Layer::* size : {&Layer::in_channels, &Layer::out_channels, &Layer::kernel, &Layer::squeezed})
      (*found).*size = std::max((*found).*size, layer.*size);
    found->groups = depthwise ? found->in_channels : 1;
  };
  for (const family::ArchSpec& corner : space_->corners()) {
    const family::Blueprint net = family::blueprint(corner, input_, classes_);
    for (const Layer& layer : net.layers) widen(layer);
    for (const int exit : options_.exits) {
      const auto end = static_cast<std::size_t>(net.section_ends[static_cast<std::size_t>(exit)]);
      widen(exit_head(exit, net.layers[end].out_channels));
    }
  }
  return layers;
}

void ElasticNetworkImpl::add_parameter(const std::string& name, at::Tensor value) {
  tensors_[name] = register_parameter(registered(name), std::move(value));
  order_.push_back(name);
}

void ElasticNetworkImpl::make_layer(const Layer& layer, std::uint64_t seed) {
  for (const family::WeightSpec& spec : weights_of(layer)) add_parameter(spec.name, initial(spec, seed));
  if (layer.kind != LayerKind::conv) return;
  add_parameter(layer.name + "/scale", at::ones({layer.out_channels}));
  Norm norm{.mean = register_buffer(registered(layer.name + "/mean"), at::zeros({layer.out_channels})),
            .variance = register_buffer(registered(layer.name + "/variance"), at::ones({layer.out_channels}))};
  norms_.emplace(layer.name, std::move(norm));
  norm_order_.push_back(layer.name);
}

at::Tensor ElasticNetworkImpl::slice(const std::string& name, const std::vector<std::int64_t>& dims) const {
  at::Tensor t = tensors_.at(name);
  for (std::int64_t d = 0; d < t.dim(); ++d) {
    const std::int64_t size = dims[static_cast<std::size_t>(d)], spare = t.size(d) - size;
    if (spare != 0) t = t.narrow(d, d >= 2 ? spare / 2 : 0, size);  // the centre of a kernel
  }
  return t;
}

std::vector<at::Tensor> ElasticNetworkImpl::slices(const Layer& layer) const {
  std::vector<at::Tensor> tensors;
  for (const family::WeightSpec& spec : weights_of(layer)) tensors.push_back(slice(spec.name, spec.dims));
  return tensors;
}

at::Tensor ElasticNetworkImpl::convolve(const Layer& layer, const at::Tensor& x, const at::Tensor& other,
                                        Activation activation, bool largest) {
  const std::vector<at::Tensor> own = slices(layer);
  const at::Tensor scale = slice(layer.name + "/scale", {layer.out_channels});
  const Convolution convolution{layer.stride, layer.groups};
  const LayerOps& ops = ops_of(x.device());
  Norm& norm = norms_.at(layer.name);
  if (!is_training()) {
    const at::Tensor z = ops.convolution(x, own[0], convolution);
    const at::Tensor hat =
        at::batch_norm(z, scale, own[1], norm.mean, norm.variance, false, 0, options_.epsilon, false);
    return activated(activation, other.defined() ? hat + other : hat);
  }
  const bool relu = activation == Activation::relu;
  const LayerOutput out = ops.train_scaled_layer(x, own[0], scale, own[1], other, relu, options_.epsilon, convolution);
  if (largest && keeps_statistics_) update_statistics(norm, out.mean, out.variance, out.count);
  return relu ? out.y : activated(activation, out.y);
}

at::Tensor ElasticNetworkImpl::squeeze_excite(const Layer& layer, const at::Tensor& x) const {
  const std::vector<at::Tensor> own = slices(layer);
  const auto dense = [](const at::Tensor& in, const at::Tensor& weight, const at::Tensor& bias) {
    return at::linear(in, weight.flatten(1), bias);
  };
  const at::Tensor pooled = x.mean({2, 3}, false, own[0].scalar_type());
  const at::Tensor gate = dense(at::relu(dense(pooled, own[0], own[1])), own[2], own[3]);
  return x *
         (layer.hard_gate ? at::hardsigmoid(gate) : at::sigmoid(gate)).to(x.scalar_type()).view({x.size(0), -1, 1, 1});
}

at::Tensor ElasticNetworkImpl::linear(const Layer& layer, const at::Tensor& x) const {
  const std::vector<at::Tensor> own = slices(layer);
  return activated(layer.activation, at::linear(x.to(own[0].scalar_type()), own[0], own[1]));
}

at::Tensor ElasticNetworkImpl::run(const Layer& layer, const at::Tensor& x, const at::Tensor& other, bool largest) {
  const std::int64_t kernel = layer.kernel, stride = layer.stride, pad = (kernel - 1) / 2;
  switch (layer.kind) {
    case LayerKind::conv:
      return convolve(layer, x, {}, layer.activation, largest);
    case LayerKind::add:
      return activated(layer.activation, x + other);
    case LayerKind::squeeze_excite:
      return squeeze_excite(layer, x);
    case LayerKind::max_pool:
      return at::max_pool2d(x, {kernel, kernel}, {stride, stride}, {pad, pad});
    case LayerKind::global_average:
      return x.mean({2, 3}, false, tensors_.at("head/weight").scalar_type());
    case LayerKind::global_max:
      return at::amax(x, {2, 3});
    case LayerKind::linear:
      return linear(layer, x);
  }
  fail("network {}: {}: a layer of a kind that is not known", space_->text(), layer.name);
}

NetworkOutput ElasticNetworkImpl::forward(const at::Tensor& images, bool features) {
  return forward(images, arch_, features);
}

NetworkOutput ElasticNetworkImpl::forward(const at::Tensor& images, const family::ArchSpec& subnet, bool features) {
  if (images.dim() != 4 || images.size(1) != input_.channels) {
    fail("network {}: expected images [N, {}, H, W], found {} dimensions of {} elements", space_->text(),
         input_.channels, images.dim(), images.numel());
  }
  const bool largest = subnet == arch_;
  if (!largest) {
    space_->check(subnet);
    if (!is_training()) {
      fail("network {}: expected training mode for the subnet {}; extract it to evaluate it", space_->text(),
           subnet.text());
    }
  }
  const family::Blueprint net = family::blueprint(subnet, input_, classes_);
  const at::ScalarType parameters = tensors_.at("head/weight").scalar_type();
  at::Tensor x = images;
  if (x.size(2) != net.input.height || x.size(3) != net.input.width)
    x = resized(x, net.input.height, net.input.width, parameters);
  x = x.to(options_.bf16 ? at::kBFloat16 : parameters).contiguous(at::MemoryFormat::ChannelsLast);
  NetworkOutput output;
  std::vector<at::Tensor> maps(net.layers.size());
  const auto map = [&](int layer) { return layer == family::kImage ? x : maps[static_cast<std::size_t>(layer)]; };
  const std::vector<bool> with_sum = summed(net);
  std::size_t section = 0;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    if (with_sum[i]) continue;
    const at::Tensor other = layer.kind == LayerKind::add ? map(layer.other) : at::Tensor();
    if (layer.kind == LayerKind::add && layer.input != family::kImage &&
        with_sum[static_cast<std::size_t>(layer.input)]) {
      const Layer& summand = net.layers[static_cast<std::size_t>(layer.input)];
      maps[i] = convolve(summand, map(summand.input), other, layer.activation, largest);
    } else {
      maps[i] = run(layer, map(layer.input), other, largest);
    }
    if (section == net.section_ends.size() || net.section_ends[section] != static_cast<int>(i)) continue;
    const at::Tensor pooled = maps[i].mean({2, 3}, false, parameters);
    if (features && static_cast<int>(section) == options_.features_section) output.features = pooled;
    if (std::ranges::find(options_.exits, static_cast<int>(section)) != options_.exits.end()) {
      const double share = options_.exit_gradient;
      const at::Tensor read = is_training() ? pooled * share + pooled.detach() * (1 - share) : pooled;
      output.exits.push_back(linear(exit_head(static_cast<int>(section), layer.out_channels), read));
    }
    ++section;
  }
  output.logits = maps.back();
  return output;
}

}  // namespace triage::supernet
