#include "search/evolve/variation.h"

#include <algorithm>

#include "core/error.h"

namespace triage::search {
namespace {

template <class T>
const T& pick(std::span<const T> items, Rng& rng) {
  return items[rng.below(static_cast<std::uint32_t>(items.size()))];
}

bool chance(double probability, Rng& rng) { return rng.uniform() < probability; }

// One layer some steps wider or narrower, or one optional layer more or less.
void step_net(plan::ArchSpec& net, const plan::SearchSpace& space, Rng& rng) {
  const std::size_t b = rng.below(static_cast<std::uint32_t>(net.blocks.size()));
  std::vector<int>& widths = net.blocks[b];
  const std::vector<plan::LayerSpace>& block = space.blocks[b];
  const std::size_t least = space.min_depth(b);
  if (block.size() > least && chance(0.25, rng)) {
    const bool deeper = widths.size() == least || (widths.size() < block.size() && chance(0.5, rng));
    if (deeper) {
      const plan::LayerSpace& layer = block[widths.size()];
      const int like = std::clamp(widths.back(), layer.low, layer.high);
      widths.push_back(layer.low + (like - layer.low) / layer.step * layer.step);
    } else {
      widths.pop_back();
    }
    return;
  }
  const std::size_t i = rng.below(static_cast<std::uint32_t>(widths.size()));
  const plan::LayerSpace& layer = block[i];
  const int steps = (chance(0.5, rng) ? 1 : -1) * static_cast<int>(1 + rng.below(2));
  widths[i] = std::clamp(widths[i] + steps * layer.step, layer.low, layer.high);
}

}  // namespace

Variation::Variation(Structures structures) : structures_(std::move(structures)) {
  if (structures_.exits.empty() || structures_.policies.empty() || structures_.precisions.empty() ||
      structures_.max_stages < 1 || structures_.max_stages > kMaxSearchStages) {
    fail("search: expected exits, policies, precisions and 1 to {} stages, found {}, {}, {} and {}", kMaxSearchStages,
         structures_.exits.size(), structures_.policies.size(), structures_.precisions.size(), structures_.max_stages);
  }
}

plan::ArchSpec Variation::random_net(Rng& rng) const {
  const plan::ArchSpec whole = structures_.space.sample_sized(rng);
  const bool cut = chance(0.2, rng);
  const int end = cut ? pick(std::span<const int>(structures_.exits), rng) : structures_.exits.back();
  return prefix(whole, static_cast<std::size_t>(end) + 1);
}

plan::Precision Variation::random_precision(Rng& rng) const {
  return structures_.precisions.size() == 1 ? structures_.precisions[0]
                                            : pick(std::span<const plan::Precision>(structures_.precisions), rng);
}

Genome Variation::random(Rng& rng) const {
  Genome genome{pick(std::span<const plan::PolicyKind>(structures_.policies), rng), {}};
  const std::size_t stages = 1 + rng.below(static_cast<std::uint32_t>(structures_.max_stages));
  while (genome.stages() < stages) {
    if (genome.nets.empty() || (structures_.cascades && (!structures_.early_exits || chance(0.6, rng)))) {
      genome.nets.push_back({random_net(rng), {}, random_precision(rng)});
      continue;
    }
    Net& leg = genome.nets[rng.below(static_cast<std::uint32_t>(genome.nets.size()))];
    const int exit = pick(std::span<const int>(structures_.exits), rng);
    const int last = static_cast<int>(leg.arch.blocks.size()) - 1;
    const bool fits = structures_.early_exits && exit < last && std::ranges::find(leg.early, exit) == leg.early.end();
    if (fits)
      leg.early.insert(std::ranges::upper_bound(leg.early, exit), exit);
    else if (!structures_.cascades)
      break;
  }
  const auto size = [&](const Net& leg) { return plan::arch_cost(leg.arch, structures_.input, 10).macs; };
  std::ranges::stable_sort(genome.nets, {}, size);
  return genome;
}

plan::ArchSpec Variation::change_net(const plan::ArchSpec& net, std::span<const plan::ArchSpec> known, Rng& rng) const {
  if (!known.empty() && chance(0.5, rng)) {  // a known one of about the same cost
    const auto cost = [&](const plan::ArchSpec& arch) { return plan::arch_cost(arch, structures_.input, 10).macs; };
    const auto at = std::ranges::lower_bound(known, cost(net), {}, cost) - known.begin();
    const std::ptrdiff_t reach = std::max<std::ptrdiff_t>(8, std::ssize(known) / 20);
    const auto low = std::max<std::ptrdiff_t>(0, at - reach), high = std::min(std::ssize(known), at + reach + 1);
    return known[static_cast<std::size_t>(low) + rng.below(static_cast<std::uint32_t>(high - low))];
  }
  plan::ArchSpec changed = net;
  for (std::uint32_t steps = 1 + rng.below(3); steps > 0; --steps) step_net(changed, structures_.space, rng);
  return changed;
}

void Variation::change(Genome& genome, std::span<const plan::ArchSpec> known, Rng& rng) const {
  const std::size_t at = rng.below(static_cast<std::uint32_t>(genome.nets.size()));
  Net& leg = genome.nets[at];
  const double kind = rng.uniform();
  if (kind < 0.5) {
    leg.arch = change_net(leg.arch, known, rng);
  } else if (kind < 0.6) {  // another end: behind an earlier exit, or all of it
    const plan::ArchSpec whole = complete(leg.arch, structures_.space);
    leg.arch = prefix(whole, static_cast<std::size_t>(pick(std::span<const int>(structures_.exits), rng)) + 1);
  } else if (kind < 0.75) {
    const int exit = pick(std::span<const int>(structures_.exits), rng);
    const auto place = std::ranges::find(leg.early, exit);
    if (place != leg.early.end())
      leg.early.erase(place);
    else
      leg.early.insert(std::ranges::upper_bound(leg.early, exit), exit);
  } else if (kind < 0.83 && genome.nets.size() > 1) {
    genome.nets.erase(genome.nets.begin() + static_cast<std::ptrdiff_t>(at));
  } else if (kind < 0.87 && structures_.precisions.size() > 1) {
    leg.precision = random_precision(rng);
  } else if (kind < 0.92) {
    const Net added{known.empty() || chance(0.3, rng) ? random_net(rng) : pick(known, rng), {}, random_precision(rng)};
    genome.nets.insert(genome.nets.begin() +
                           static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint32_t>(genome.nets.size() + 1))),
                       added);
  } else {
    genome.policy = pick(std::span<const plan::PolicyKind>(structures_.policies), rng);
  }
}

// Early exits that cannot be, and stages and nets that are too many, go.
void Variation::repair(Genome& genome) const {
  if (!structures_.cascades && genome.nets.size() > 1) genome.nets.erase(genome.nets.begin(), genome.nets.end() - 1);
  for (Net& leg : genome.nets) {
    const int last = static_cast<int>(leg.arch.blocks.size()) - 1;
    std::erase_if(leg.early, [&](int block) { return block >= last || !structures_.early_exits; });
  }
  while (genome.stages() > structures_.max_stages) {
    const auto leg = std::ranges::find_if(genome.nets, [](const Net& one) { return !one.early.empty(); });
    if (leg != genome.nets.end())
      leg->early.erase(leg->early.begin());
    else
      genome.nets.erase(genome.nets.begin());
  }
}

Genome Variation::mutate(const Genome& genome, std::span<const plan::ArchSpec> known, Rng& rng) const {
  Genome changed = genome;
  for (std::uint32_t changes = 1 + rng.below(3); changes > 0; --changes) change(changed, known, rng);
  repair(changed);
  return changed;
}

Genome Variation::cross(const Genome& a, const Genome& b, Rng& rng) const {
  Genome child{chance(0.5, rng) ? a.policy : b.policy, {}};
  const std::size_t from_a = 1 + rng.below(static_cast<std::uint32_t>(a.nets.size()));
  const std::size_t from_b = 1 + rng.below(static_cast<std::uint32_t>(b.nets.size()));
  child.nets.assign(a.nets.begin(), a.nets.begin() + static_cast<std::ptrdiff_t>(from_a));
  child.nets.insert(child.nets.end(), b.nets.end() - static_cast<std::ptrdiff_t>(from_b), b.nets.end());
  repair(child);
  return child;
}

Genome Variation::nearest(const Genome& genome, std::span<const plan::ArchSpec> known) const {
  const auto cost = [&](const plan::ArchSpec& arch) { return plan::arch_cost(arch, structures_.input, 10).macs; };
  Genome found = genome;
  for (Net& leg : found.nets) {
    const std::int64_t wanted = cost(leg.arch);
    const std::size_t blocks = leg.arch.blocks.size();
    std::int64_t least = -1;
    for (const plan::ArchSpec& net : known) {
      const std::int64_t off = std::abs(cost(net) - wanted);
      if (net.blocks.size() != blocks || (least >= 0 && off >= least)) continue;
      least = off;
      leg.arch = net;
    }
  }
  return found;
}

}  // namespace triage::search
