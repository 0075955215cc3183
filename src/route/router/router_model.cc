#include "route/router/router_model.h"

#include <torch/torch.h>

#include "core/rng.h"

namespace triage::route {

using torch::Tensor;

namespace {

Tensor tensor(const std::vector<float>& values, at::IntArrayRef shape) {
  return torch::tensor(values, torch::kFloat32).reshape(shape);
}

std::vector<float> values(const Tensor& t) {
  const Tensor flat = t.detach().contiguous().flatten();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

// Small products: threads would cost more than they bring, and the sums would depend on their number.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace

struct RouterBatch::Impl {
  struct ExitNet {
    Tensor inputs, confidence;       // [count, width], [count, 1]
    Tensor hard_gain, soft_gain;     // [count, 1]
    Tensor mask;                     // [members, 1, width]: 0 where a member does not see an input
    Tensor weight1, bias1, weight2;  // [members, hidden, width], [members * hidden], [members, hidden]
    Tensor bias2, skip;              // [members]

    Tensor hidden_part(std::int64_t members, std::int64_t hidden) const {  // [count, members]
      const Tensor w = (weight1 * mask).reshape({members * hidden, -1});
      const Tensor h = torch::relu(torch::addmm(bias1, inputs, w.t())).reshape({-1, members, hidden});
      return (h * weight2).sum(-1);
    }
    Tensor skip_part() const { return confidence * skip + bias2; }
  };
  std::int64_t members, hidden;
  std::vector<ExitNet> exits;
  Tensor label_probability, stage_share;  // [count, stages], [stages]
  Tensor image_weight;                    // [count, members]: 1 / number of images where it trains, else 0
  Tensor mixed, lambda, blend, decay;     // [members]
  std::unique_ptr<torch::optim::Adam> optimizer;

  Tensor loss() const {
    Tensor reach, latency, probability, gain;
    const auto stages = static_cast<std::size_t>(stage_share.numel());
    Tensor penalty = torch::zeros({members});
    for (std::size_t k = 0; k < stages; ++k) {
      const Tensor p = label_probability.select(1, static_cast<std::int64_t>(k)).unsqueeze(1);
      const Tensor cost = stage_share[static_cast<std::int64_t>(k)];
      if (k == 0) reach = torch::ones({label_probability.size(0), members}), latency = cost.expand_as(reach);
      if (k > 0) latency = latency + reach * cost;
      if (k + 1 == stages) {
        probability = k == 0 ? p.expand_as(reach) : probability + reach * p;
        break;
      }
      const ExitNet& exit = exits[k];
      const Tensor z = exit.skip_part() + exit.hidden_part(members, hidden);
      const Tensor g = torch::sigmoid(z);
      const Tensor left = reach * (1 - g) * p;
      probability = k == 0 ? left : probability + left;
      reach = reach * g;
      const Tensor target = (1 + exit.hard_gain + (exit.soft_gain - exit.hard_gain) * blend) / 2;
      const Tensor entropy = torch::softplus(z) - target * z;  // of g against the target
      gain = k == 0 ? entropy : gain + entropy;
      penalty = penalty + (exit.weight1 * exit.mask).square().sum({1, 2}) + exit.weight2.square().sum(1);
    }
    const Tensor routed = -torch::log(probability.clamp_min(1e-6)) + lambda * latency;
    const Tensor item = mixed * routed + (1 - mixed) * gain;
    return ((item * image_weight).sum(0) + decay * penalty).sum();
  }
};

RouterBatch::RouterBatch(const RouterData& data, std::vector<RouterMember> members, int hidden, double learning_rate)
    : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.members = static_cast<std::int64_t>(members.size());
  m.hidden = hidden;
  const auto count = static_cast<std::int64_t>(data.count), stages = static_cast<std::int64_t>(data.stages);
  m.label_probability = tensor(data.label_probability, {count, stages});
  m.stage_share = tensor(data.stage_share, {stages});
  m.image_weight = torch::zeros({count, m.members});
  std::vector<float> mixed, lambda, blend, decay;
  for (std::size_t e = 0; e < members.size(); ++e) {
    const RouterMember& member = members[e];
    const auto used = static_cast<float>(std::ranges::count(member.images, 1));
    std::vector<float> weight;
    for (std::uint8_t on : member.images) weight.push_back(on ? 1 / used : 0);
    m.image_weight.select(1, static_cast<std::int64_t>(e)).copy_(tensor(weight, {count}));
    mixed.push_back(member.objective.mixed ? 1 : 0);
    lambda.push_back(member.objective.mixed ? static_cast<float>(member.objective.weight) : 0);
    blend.push_back(member.objective.mixed ? 0 : static_cast<float>(member.objective.weight));
    decay.push_back(static_cast<float>(member.weight_decay));
  }
  m.mixed = tensor(mixed, {m.members}), m.lambda = tensor(lambda, {m.members});
  m.blend = tensor(blend, {m.members}), m.decay = tensor(decay, {m.members});

  std::vector<Tensor> parameters;
  for (std::size_t k = 0; k < data.exits.size(); ++k) {
    const RouterData::ExitInputs& in = data.exits[k];
    const std::int64_t width = in.width;
    Impl::ExitNet& net = m.exits.emplace_back();
    net.inputs = tensor(in.standardised, {count, width});
    net.confidence = net.inputs.narrow(1, width - 3, 1).contiguous();
    net.hard_gain = tensor(in.hard_gain, {count, 1}), net.soft_gain = tensor(in.soft_gain, {count, 1});
    net.mask = torch::ones({m.members, 1, width});
    std::vector<float> weight1;
    for (std::size_t e = 0; e < members.size(); ++e) {
      Rng rng(derive_seed(members[e].seed, "router", k));
      const double deviation = 1 / std::sqrt(members[e].use_features ? static_cast<double>(width) : 3.0);
      for (std::int64_t i = 0; i < hidden * width; ++i) weight1.push_back(static_cast<float>(rng.normal() * deviation));
      if (!members[e].use_features) net.mask[static_cast<std::int64_t>(e)].narrow(1, 0, width - 3).zero_();
    }
    net.weight1 = tensor(weight1, {m.members, hidden, width});
    net.bias1 = torch::zeros({m.members * hidden}), net.weight2 = torch::zeros({m.members, hidden});
    // The mixed objective wants g near the chance that this exit is wrong, the gain objective near 1/2.
    net.bias2 = m.mixed * in.bias;
    net.skip = in.skip * (0.25f + 0.75f * m.mixed);
    for (Tensor* t : {&net.weight1, &net.bias1, &net.weight2, &net.bias2, &net.skip}) {
      t->set_requires_grad(true);
      parameters.push_back(*t);
    }
  }
  m.optimizer = std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(learning_rate));
}

RouterBatch::~RouterBatch() = default;

void RouterBatch::train(int steps) {
  const OneThread one;
  for (int i = 0; i < steps; ++i) {
    impl_->optimizer->zero_grad();
    impl_->loss().backward();
    impl_->optimizer->step();
  }
}

RouterBatch::Outputs RouterBatch::outputs(std::size_t exit) const {
  const OneThread one;
  torch::NoGradGuard no_grad;
  const Impl::ExitNet& net = impl_->exits[exit];
  const auto split = [this](const Tensor& t) {
    std::vector<std::vector<float>> out;
    for (std::int64_t e = 0; e < impl_->members; ++e) out.push_back(values(t.select(1, e)));
    return out;
  };
  return {split(net.skip_part()), split(net.hidden_part(impl_->members, impl_->hidden))};
}

MemberWeights RouterBatch::weights(std::size_t exit, std::size_t member) const {
  torch::NoGradGuard no_grad;
  const Impl::ExitNet& net = impl_->exits[exit];
  const auto e = static_cast<std::int64_t>(member);
  return {values((net.weight1 * net.mask)[e]), values(net.bias1.narrow(0, e * impl_->hidden, impl_->hidden)),
          values(net.weight2[e]), net.bias2[e].item<float>(), net.skip[e].item<float>()};
}

void save_router_pt(const fs::path& path, std::span<const plan::Router> routers) {
  c10::Dict<std::string, Tensor> named;
  for (std::size_t k = 0; k < routers.size(); ++k) {
    const plan::Router& r = routers[k];
    const std::string prefix = "exit" + std::to_string(k) + ".";
    const auto add = [&](const char* name, const std::vector<float>& v, at::IntArrayRef shape) {
      named.insert(prefix + name, tensor(v, shape));
    };
    add("mean", r.mean, {r.inputs()});
    add("scale", r.scale, {r.inputs()});
    add("weight1", r.weight1, {r.hidden, r.inputs()});
    add("bias1", r.bias1, {r.hidden});
    add("weight2", r.weight2, {r.hidden});
    add("bias2", {r.bias2}, {1});
    add("skip", {r.skip}, {1});
  }
  const std::vector<char> bytes = torch::pickle_save(named);
  write_file_atomic(path, {bytes.data(), bytes.size()});
}

}  // namespace triage::route
