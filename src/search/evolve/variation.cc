#include "search/evolve/variation.h"

#include <algorithm>

#include "core/error.h"

namespace triage::search {
namespace {

template <class T>
const T& pick(std::span<const T> items, Rng& rng) {
  return items[rng.below(static_cast<std::uint32_t>(items.size()))];
}

// Nothing is drawn where there is one.
template <class T>
const T& pick_any(const std::vector<T>& items, Rng& rng) {
  return items.size() == 1 ? items[0] : pick(std::span<const T>(items), rng);
}

bool chance(double probability, Rng& rng) { return rng.uniform() < probability; }

}  // namespace

KnownNet known_net(const family::ArchSpec& arch, const Structures& structures) {
  return {arch, structures.macs(arch), family::sections(arch)};
}

Variation::Variation(Structures structures) : structures_(std::move(structures)) {
  if (structures_.spaces.empty() || structures_.policies.empty() || structures_.precisions.empty() ||
      structures_.max_stages < 1 || structures_.max_stages > kMaxSearchStages) {
    fail("search: expected spaces, policies, precisions and 1 to {} stages, found {}, {}, {} and {}", kMaxSearchStages,
         structures_.spaces.size(), structures_.policies.size(), structures_.precisions.size(), structures_.max_stages);
  }
}

family::ArchSpec Variation::random_net(Rng& rng) const {
  const SearchedSpace& of = pick_any(structures_.spaces, rng);
  const family::ArchSpec whole = of.space->sample_sized(rng);
  const bool cut = chance(0.2, rng);
  const int end = cut ? pick(std::span<const int>(of.exits), rng) : of.exits.back();
  return family::prefix(whole, static_cast<std::size_t>(end) + 1);
}

plan::Precision Variation::random_precision(Rng& rng) const { return pick_any(structures_.precisions, rng); }

// A precision that the net may have.
void Variation::settle(Net& leg) const {
  const std::vector<plan::Precision> possible = precisions_of(leg.arch, structures_.precisions);
  if (std::ranges::find(possible, leg.precision) == possible.end()) leg.precision = possible.front();
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
    const int exit = pick(std::span<const int>(structures_.of(leg.arch).exits), rng);
    const bool fits =
        structures_.early_exits && exit < leg.last() && std::ranges::find(leg.early, exit) == leg.early.end();
    if (fits)
      leg.early.insert(std::ranges::upper_bound(leg.early, exit), exit);
    else if (!structures_.cascades)
      break;
  }
  for (Net& leg : genome.nets) settle(leg);
  genome.together = structures_.answers_together && genome.stages() > 1 && chance(0.5, rng);
  const auto size = [&](const Net& leg) { return structures_.macs(leg.arch); };
  std::ranges::stable_sort(genome.nets, {}, size);
  return genome;
}

family::ArchSpec Variation::change_net(const family::ArchSpec& net, std::span<const KnownNet> known, Rng& rng) const {
  if (!known.empty() && chance(0.5, rng)) {  // a known one of about the same cost
    const auto at = std::ranges::lower_bound(known, structures_.macs(net), {}, &KnownNet::macs) - known.begin();
    const std::ptrdiff_t reach = std::max<std::ptrdiff_t>(8, std::ssize(known) / 20);
    const auto low = std::max<std::ptrdiff_t>(0, at - reach), high = std::min(std::ssize(known), at + reach + 1);
    return known[static_cast<std::size_t>(low) + rng.below(static_cast<std::uint32_t>(high - low))].arch;
  }
  family::ArchSpec changed = net;
  for (std::uint32_t steps = 1 + rng.below(3); steps > 0; --steps)
    changed = structures_.of(changed).space->step(changed, rng);
  return changed;
}

void Variation::change(Genome& genome, std::span<const KnownNet> known, Rng& rng) const {
  if (structures_.answers_together && chance(0.1, rng)) {
    genome.together = !genome.together;
    return;
  }
  const std::size_t at = rng.below(static_cast<std::uint32_t>(genome.nets.size()));
  Net& leg = genome.nets[at];
  const double kind = rng.uniform();
  if (kind < 0.5) {
    leg.arch = change_net(leg.arch, known, rng);
  } else if (kind < 0.6) {  // another end: behind an earlier exit, or all of it
    const auto& [space, exits] = structures_.of(leg.arch);
    const int end = pick(std::span<const int>(exits), rng);
    leg.arch = family::prefix(space->complete(leg.arch), static_cast<std::size_t>(end) + 1);
  } else if (kind < 0.75) {
    const int exit = pick(std::span<const int>(structures_.of(leg.arch).exits), rng);
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
    const Net added{
        known.empty() || chance(0.3, rng) ? random_net(rng) : pick(known, rng).arch, {}, random_precision(rng)};
    genome.nets.insert(genome.nets.begin() +
                           static_cast<std::ptrdiff_t>(rng.below(static_cast<std::uint32_t>(genome.nets.size() + 1))),
                       added);
  } else {
    genome.policy = pick(std::span<const plan::PolicyKind>(structures_.policies), rng);
  }
}

// Early exits that cannot be, and stages and nets that are too many, go; precisions that cannot be are another.
void Variation::repair(Genome& genome) const {
  if (!structures_.cascades && genome.nets.size() > 1) genome.nets.erase(genome.nets.begin(), genome.nets.end() - 1);
  for (Net& leg : genome.nets) {
    const int last = leg.last();
    std::erase_if(leg.early, [&](int block) { return block >= last || !structures_.early_exits; });
    settle(leg);
  }
  while (genome.stages() > structures_.max_stages) {
    const auto leg = std::ranges::find_if(genome.nets, [](const Net& one) { return !one.early.empty(); });
    if (leg != genome.nets.end())
      leg->early.erase(leg->early.begin());
    else
      genome.nets.erase(genome.nets.begin());
  }
  genome.together = genome.together && genome.stages() > 1;
}

Genome Variation::mutate(const Genome& genome, std::span<const KnownNet> known, Rng& rng) const {
  Genome changed = genome;
  for (std::uint32_t changes = 1 + rng.below(3); changes > 0; --changes) change(changed, known, rng);
  repair(changed);
  return changed;
}

Genome Variation::cross(const Genome& a, const Genome& b, Rng& rng) const {
  const Genome& decides = chance(0.5, rng) ? a : b;
  Genome child{decides.policy, {}, decides.together};
  const std::size_t from_a = 1 + rng.below(static_cast<std::uint32_t>(a.nets.size()));
  const std::size_t from_b = 1 + rng.below(static_cast<std::uint32_t>(b.nets.size()));
  child.nets.assign(a.nets.begin(), a.nets.begin() + static_cast<std::ptrdiff_t>(from_a));
  child.nets.insert(child.nets.end(), b.nets.end() - static_cast<std::ptrdiff_t>(from_b), b.nets.end());
  repair(child);
  return child;
}

Genome Variation::nearest(const Genome& genome, std::span<const KnownNet> known) const {
  Genome found = genome;
  for (Net& leg : found.nets) {
    const KnownNet wanted = known_net(leg.arch, structures_);
    std::int64_t least = -1;
    for (const KnownNet& net : known) {
      const std::int64_t off = std::abs(net.macs - wanted.macs);
      if (net.sections != wanted.sections || (least >= 0 && off >= least)) continue;
      least = off;
      leg.arch = net.arch;
    }
    settle(leg);
  }
  return found;
}

}  // namespace triage::search
