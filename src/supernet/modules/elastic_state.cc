// What an ElasticNetwork hands over: subnets, statistics, folded weights, state.
#include <algorithm>

#include "core/error.h"
#include "supernet/modules/elastic_network.h"

namespace triage::supernet {

using family::Layer;
using family::LayerKind;

std::size_t ElasticNetworkImpl::exits_before(std::size_t sections) const {
  if (sections == space_->sections()) return options_.exits.size();
  const auto exit = std::ranges::find(options_.exits, static_cast<int>(sections) - 1);
  if (exit == options_.exits.end()) {
    fail("network {}: expected an exit behind section {}, found none", space_->text(), static_cast<int>(sections) - 1);
  }
  return static_cast<std::size_t>(exit - options_.exits.begin());
}

std::shared_ptr<ElasticNetworkImpl> ElasticNetworkImpl::extract(const family::ArchSpec& subnet) const {
  space_->check(space_->complete(subnet));
  const std::size_t sections = family::sections(subnet);
  const bool whole = sections == space_->sections();
  if (whole) space_->check(subnet);
  ElasticOptions options = options_;
  options.exits.resize(exits_before(sections));
  options.features_section = std::min(options.features_section, static_cast<int>(sections) - 1);
  const at::NoGradGuard no_grad;
  auto result = std::make_shared<ElasticNetworkImpl>(subnet.text(), input_, classes_, options, /*seed=*/0);
  result->to(tensors_.at("head/weight").device());
  for (const std::string& name : result->order_) {
    at::Tensor& to = result->tensors_.at(name);
    const bool last = name.starts_with("head/") && !whole;
    const std::string from = last ? std::format("exit{}{}", sections - 1, name.substr(4)) : name;
    to.copy_(slice(from, to.sizes().vec()));
  }
  for (auto& [name, norm] : result->norms_) {
    norm.mean.copy_(norms_.at(name).mean.narrow(0, 0, norm.mean.size(0)));
    norm.variance.copy_(norms_.at(name).variance.narrow(0, 0, norm.variance.size(0)));
  }
  return result;
}

AnyNetwork ElasticNetworkImpl::copy(bool bf16) const {
  ElasticOptions options = options_;
  options.bf16 = bf16;
  const auto made = std::make_shared<ElasticNetworkImpl>(space_->text(), input_, classes_, options, /*seed=*/0);
  made->load_state(state(), "a copy of network " + space_->text());
  return made;
}

void ElasticNetworkImpl::update_statistics(Norm& norm, const at::Tensor& mean, const at::Tensor& variance,
                                           double count) {
  const at::NoGradGuard no_grad;
  if (recalibrating_) {
    const at::Tensor centre = mean.to(at::kDouble);
    norm.sum_mean += centre * count;
    norm.sum_second += (variance.to(at::kDouble) + centre.square()) * count;
    norm.seen += count;
    return;
  }
  const double momentum = options_.momentum;
  norm.mean.mul_(1 - momentum).add_(mean, momentum);
  norm.variance.mul_(1 - momentum).add_(variance * (count / std::max(1.0, count - 1)), momentum);
}

void ElasticNetworkImpl::recalibrate_begin() {
  recalibrating_ = true;
  for (auto& [name, norm] : norms_) {
    norm.sum_mean = at::zeros_like(norm.mean, at::kDouble);
    norm.sum_second = at::zeros_like(norm.mean, at::kDouble);
    norm.seen = 0;
  }
}

void ElasticNetworkImpl::recalibrate_end() {
  const at::NoGradGuard no_grad;
  if (!recalibrating_ || norms_.at(norm_order_.front()).seen == 0)
    fail("network {}: recalibration saw no batch", arch_.text());
  recalibrating_ = false;
  for (auto& [name, norm] : norms_) {
    if (norm.seen > 0) {  // a layer that the largest subnet does without has none
      const at::Tensor mean = norm.sum_mean / norm.seen;
      norm.mean.copy_(mean);
      norm.variance.copy_((norm.sum_second / norm.seen - mean.square()).clamp_min(0));
    }
    norm.sum_mean.reset();
    norm.sum_second.reset();
  }
}

void ElasticNetworkImpl::recalibrate(const std::vector<at::Tensor>& batches) {
  const at::NoGradGuard no_grad;
  recalibrate_begin();
  for (const at::Tensor& batch : batches) forward(batch);
  recalibrate_end();
}

std::map<std::string, at::Tensor> ElasticNetworkImpl::folded() const {
  const at::NoGradGuard no_grad;
  const auto wide = [](const at::Tensor& t) { return t.to(at::kCPU, at::kDouble); };
  const auto keep = [](const at::Tensor& t) { return t.to(at::kCPU, at::kFloat).contiguous(); };
  std::map<std::string, at::Tensor> folded;
  for (const Layer& layer : family::blueprint(arch_, input_, classes_).layers) {
    for (const family::WeightSpec& spec : weights_of(layer)) folded[spec.name] = keep(slice(spec.name, spec.dims));
    if (layer.kind != LayerKind::conv) continue;
    const Norm& norm = norms_.at(layer.name);
    const at::Tensor scale =
        wide(tensors_.at(layer.name + "/scale")) * (wide(norm.variance) + options_.epsilon).rsqrt();
    at::Tensor &weight = folded[layer.name + "/weight"], &bias = folded[layer.name + "/bias"];
    weight = keep(wide(weight) * scale.view({-1, 1, 1, 1}));
    bias = keep(wide(bias) - wide(norm.mean) * scale);
  }
  return folded;
}

NamedTensors ElasticNetworkImpl::state() const {
  NamedTensors state;
  for (const std::string& name : order_) state.push_back({name, tensors_.at(name)});
  for (const std::string& name : norm_order_) {
    state.push_back({name + "/running_mean", norms_.at(name).mean});
    state.push_back({name + "/running_var", norms_.at(name).variance});
  }
  return state;
}

void ElasticNetworkImpl::load_state(const NamedTensors& state, const std::string& origin) {
  copy_state(this->state(), state, origin);
}

NamedTensors ElasticNetworkImpl::trainable_weights() const {
  NamedTensors weights;
  for (const std::string& name : order_)
    if (name.ends_with("/weight")) weights.push_back({name, tensors_.at(name)});
  return weights;
}

NamedTensors ElasticNetworkImpl::trainable_biases() const {
  NamedTensors biases;
  for (const std::string& name : order_)
    if (!name.ends_with("/weight")) biases.push_back({name, tensors_.at(name)});
  return biases;
}

ElasticNetwork elastic_network(const AnyNetwork& network) {
  const auto elastic = std::dynamic_pointer_cast<ElasticNetworkImpl>(network);
  if (!elastic) fail("network {}: expected one of another family than plain", network->any_space()->text());
  return ElasticNetwork(elastic);
}

}  // namespace triage::supernet
