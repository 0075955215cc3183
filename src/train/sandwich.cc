#include "train/sandwich.h"

#include "supernet/network.h"

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

// The images of a step that a subnet sees: of the i-th random one in turns, of the others all.
struct Part {
  std::int64_t begin, count;
};
Part part_of(std::size_t random, std::int64_t batch, const SupernetOptions& options) {
  const std::int64_t count = options.random_images;
  if (!options.subnets.empty() || count <= 0 || count >= batch) return {0, batch};
  return {static_cast<std::int64_t>(random) * count % (batch / count * count), count};
}

// A subnet, or several run together, each on `count` images, learns what the largest says about them (target).
// others: how many subnets the step has beside the largest.
void learn(SandwichLoss& result, const supernet::NetworkOutput& output, const at::Tensor& target, std::int64_t count,
           std::size_t others, const SupernetOptions& options) {
  const at::Tensor part = joint_loss(output, options.exit_weight, [&](const at::Tensor& logits) {
    return at::kl_div(at::log_softmax(logits, 1), target, at::Reduction::Sum) / count;
  });
  (part * (options.subnet_weight / static_cast<double>(others))).backward();
  result.subnets += part.detach().to(at::kDouble) / static_cast<double>(others);
}

// A step as far as the largest subnet goes.
SandwichLoss largest_step(supernet::AnyNetworkImpl& network, const at::Tensor& images, const family::ArchSpec& largest,
                          const std::function<at::Tensor(const at::Tensor&)>& loss, const SupernetOptions& options) {
  const supernet::NetworkOutput whole = network.forward(images, largest);
  const at::Tensor first = joint_loss(whole, options.exit_weight, loss);
  first.backward();
  return {whole.logits.detach(), first.detach(), at::zeros({}, first.options().dtype(at::kDouble))};
}

}  // namespace

std::vector<family::ArchSpec> sandwich_subnets(const family::AnySpace& space, const SupernetOptions& options,
                                               std::uint64_t seed, std::uint64_t step) {
  std::vector<family::ArchSpec> subnets;
  for (const std::string& text : options.subnets) space->check(subnets.emplace_back(family::ArchSpec::parse(text)));
  if (!subnets.empty()) return subnets;
  subnets.push_back(space->largest());
  if (space->subnets() == 1) return subnets;
  subnets.push_back(space->smallest());
  Rng rng(derive_seed(seed, "subnets", step));
  for (int i = 0; i < options.random_subnets; ++i) subnets.push_back(space->sample(rng));
  return subnets;
}

SandwichLoss sandwich_step(supernet::AnyNetworkImpl& network, const at::Tensor& images,
                           const std::vector<family::ArchSpec>& subnets,
                           const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                           const SupernetOptions& options, const std::function<void()>& before_last) {
  const auto tell = [&](bool last) {
    if (last && before_last) before_last();
  };
  tell(subnets.size() == 1);
  SandwichLoss result = largest_step(network, images, subnets.front(), loss, options);
  const std::size_t others = subnets.size() - 1;
  if (others == 0) return result;
  const at::Tensor targets = at::softmax(result.logits, 1);
  const std::int64_t batch = images.size(0);
  for (std::size_t i = 1; i < subnets.size(); ++i) {
    tell(i + 1 == subnets.size());
    const auto [begin, count] = i > 1 ? part_of(i - 2, batch, options) : Part{0, batch};
    learn(result, network.forward(images.narrow(0, begin, count), subnets[i]), targets.narrow(0, begin, count), count,
          others, options);
  }
  return result;
}

SandwichLoss grouped_sandwich_step(supernet::AnyNetworkImpl& network, const at::Tensor& images,
                                   const std::vector<family::ArchSpec>& fixed, const at::Tensor& random,
                                   const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                                   const SupernetOptions& options) {
  SandwichLoss result = largest_step(network, images, fixed.front(), loss, options);
  const std::size_t groups = random.defined() ? static_cast<std::size_t>(random.size(0)) : 0;
  const std::size_t others = fixed.size() - 1 + groups;
  if (others == 0) return result;
  const at::Tensor targets = at::softmax(result.logits, 1);
  const std::int64_t batch = images.size(0);
  for (std::size_t i = 1; i < fixed.size(); ++i)
    learn(result, network.forward(images, fixed[i]), targets, batch, others, options);
  if (groups == 0) return result;
  std::vector<at::Tensor> seen, target;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < groups; ++i) {
    const Part part = part_of(i, batch, options);
    count = part.count;
    seen.push_back(images.narrow(0, part.begin, count));
    target.push_back(targets.narrow(0, part.begin, count));
  }
  const at::Tensor all = at::cat(seen).contiguous(at::MemoryFormat::ChannelsLast);
  learn(result, dynamic_cast<supernet::NetworkImpl&>(network).forward_groups(all, random), at::cat(target), count,
        others, options);
  return result;
}

}  // namespace triage::train
