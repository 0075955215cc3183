#include "train/sandwich.h"

namespace triage::train {
namespace {

// What every exit's logits are charged: the last one in full, the others by their weight together.
at::Tensor joint_loss(const supernet::NetworkOutput& output, double exit_weight,
                      const std::function<at::Tensor(const at::Tensor&)>& loss) {
  at::Tensor sum = loss(output.logits);
  for (const at::Tensor& logits : output.exits) {
    sum = sum + loss(logits) * (exit_weight / static_cast<double>(output.exits.size()));
  }
  return sum;
}

}  // namespace

std::vector<plan::ArchSpec> sandwich_subnets(const plan::SearchSpace& space, const SupernetOptions& options,
                                             std::uint64_t seed, std::uint64_t step) {
  std::vector<plan::ArchSpec> subnets;
  for (const std::string& text : options.subnets) space.check(subnets.emplace_back(plan::ArchSpec::parse(text)));
  if (!subnets.empty()) return subnets;
  subnets.push_back(space.largest());
  if (space.subnets() == 1) return subnets;
  subnets.push_back(space.smallest());
  Rng rng(derive_seed(seed, "subnets", step));
  for (int i = 0; i < options.random_subnets; ++i) subnets.push_back(space.sample(rng));
  return subnets;
}

SandwichLoss sandwich_step(supernet::Network& network, const at::Tensor& images,
                           const std::vector<plan::ArchSpec>& subnets,
                           const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                           const SupernetOptions& options) {
  const supernet::NetworkOutput whole = network->forward(images, subnets.front());
  const at::Tensor first = joint_loss(whole, options.exit_weight, loss);
  first.backward();
  SandwichLoss result{whole.logits.detach(), first.item<double>(), 0};
  const std::size_t others = subnets.size() - 1;
  if (others == 0) return result;
  const at::Tensor targets = at::softmax(result.logits, 1);
  const std::int64_t batch = images.size(0);
  const bool sampled = options.subnets.empty() && options.random_images > 0 && options.random_images < batch;
  for (std::size_t i = 1; i < subnets.size(); ++i) {
    std::int64_t begin = 0, count = batch;
    if (sampled && i > 1) {
      count = options.random_images;
      begin = static_cast<std::int64_t>(i - 2) * count % (batch / count * count);
    }
    const at::Tensor target = targets.narrow(0, begin, count);
    const auto divergence = [&](const at::Tensor& logits) {
      return at::kl_div(at::log_softmax(logits, 1), target, at::Reduction::Sum) / count;
    };
    const at::Tensor part =
        joint_loss(network->forward(images.narrow(0, begin, count), subnets[i]), options.exit_weight, divergence);
    (part * (options.subnet_weight / static_cast<double>(others))).backward();
    result.subnets += part.item<double>() / static_cast<double>(others);
  }
  return result;
}

}  // namespace triage::train
