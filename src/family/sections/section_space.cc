#include <algorithm>
#include <format>

#include "core/error.h"
#include "family/sections/section_family.h"

namespace triage::family {
namespace {

// One net of a space: depth(least, most) and value(range) say which. The order of the calls is a part of what a seed
// draws: side, stem, then each section's width, depth and blocks, the tails.
template <class Depth, class Number>
SectionNet choose(const SectionNet& space, const Depth& depth, const Number& value) {
  SectionNet net = space;
  const auto settle = [&](Range& range) { range = only(range.one() ? range.low : value(range)); };
  settle(net.side);
  settle(net.stem);
  for (Section& section : net.sections) {
    settle(section.width);
    section.blocks.resize(depth(section.min_depth(), section.blocks.size()));
    for (SectionBlock& block : section.blocks) {
      settle(block.kernel);
      settle(block.size);
      block.optional = false;
    }
  }
  settle(net.convolution.width);
  settle(net.linear.width);
  return net;
}

int nth(const Range& range, std::size_t i) { return range.low + static_cast<int>(i) * range.step; }

// The value of a range at or below the one wanted, within it.
int nearest(const Range& range, int wanted) {
  return range.low + (std::clamp(wanted, range.low, range.high) - range.low) / range.step * range.step;
}

// A number of a net and what it may be.
struct Gene {
  Range* value;
  const Range* range;
};

}  // namespace

ArchSpec SectionSpace::largest() const {
  return named(
      choose(net_, [](std::size_t, std::size_t most) { return most; }, [](const Range& range) { return range.high; }));
}

ArchSpec SectionSpace::smallest() const {
  return named(
      choose(net_, [](std::size_t least, std::size_t) { return least; }, [](const Range& range) { return range.low; }));
}

ArchSpec SectionSpace::sample(Rng& rng) const {
  const auto draw = [&](std::size_t choices) -> std::size_t { return rng.below(static_cast<std::uint32_t>(choices)); };
  return named(choose(
      net_, [&](std::size_t least, std::size_t most) { return least + draw(most - least + 1); },
      [&](const Range& range) { return nth(range, draw(static_cast<std::size_t>(range.choices()))); }));
}

ArchSpec SectionSpace::sample_near(double size, Rng& rng) const {
  const auto about = [&](std::size_t choices) {  // an index in [0, choices)
    const double at = size + 0.15 * rng.normal();
    return static_cast<std::size_t>(std::clamp(at, 0.0, 0.999999) * static_cast<double>(choices));
  };
  return named(choose(
      net_, [&](std::size_t least, std::size_t most) { return least + about(most - least + 1); },
      [&](const Range& range) { return nth(range, about(static_cast<std::size_t>(range.choices()))); }));
}

// A skip is a convolution where widths differ: where both are widest and equal, only a subnet with one a step narrower
// has it.
std::vector<ArchSpec> SectionSpace::corners() const {
  std::vector<ArchSpec> corners{largest()};
  for (int lower = 0;; ++lower) {
    int at = 0;
    const SectionNet net = choose(
        net_, [](std::size_t, std::size_t most) { return most; },
        [&](const Range& range) { return at++ == lower ? range.high - range.step : range.high; });
    if (lower >= at) return corners;
    corners.push_back(named(net));
  }
}

double SectionSpace::subnets() const {
  double all = double(net_.side.choices()) * net_.stem.choices() * net_.convolution.width.choices() *
               net_.linear.width.choices();
  for (const Section& section : net_.sections) {
    double of_section = 0, so_far = section.width.choices();
    for (std::size_t i = 0; i < section.blocks.size(); ++i) {
      so_far *= double(section.blocks[i].kernel.choices()) * section.blocks[i].size.choices();
      if (i + 1 >= section.min_depth()) of_section += so_far;
    }
    all *= of_section;
  }
  return all;
}

SectionNet SectionSpace::net_of(const ArchSpec& arch) const {
  if (arch.family != grammar_.family) {
    fail("subnet '{}': expected one of the family {}, found {}", arch.text(), grammar_.family, arch.family);
  }
  SectionNet net = SectionNet::parse(arch.body, grammar_);
  if (!net.one()) fail("subnet '{}': expected one net, found ranges or optional blocks", arch.text());
  return net;
}

void SectionSpace::check(const ArchSpec& arch) const {
  const SectionNet net = net_of(arch);
  const auto outside = [&](const std::string& place, const auto& expected, const auto& found) {
    fail("subnet '{}' is not in the search space '{}': {}: expected {}, found {}", arch.text(), text(), place, expected,
         found);
  };
  const auto within = [&](const std::string& place, const Range& range, const Range& value) {
    if (!range.has(value.low))
      outside(place, std::format("{} to {} by {}", range.low, range.high, range.step), value.low);
  };
  within("side", net_.side, net.side);
  within("stem", net_.stem, net.stem);
  if (net.sections.size() != net_.sections.size()) outside("sections", net_.sections.size(), net.sections.size());
  for (std::size_t s = 0; s < net.sections.size(); ++s) {
    const Section &section = net.sections[s], &mine = net_.sections[s];
    const std::string place = std::format("section {}", s);
    within(place + ": width", mine.width, section.width);
    const std::size_t depth = section.blocks.size(), least = mine.min_depth(), most = mine.blocks.size();
    if (depth < least || depth > most) outside(place, std::format("{} to {} blocks", least, most), depth);
    for (std::size_t b = 0; b < depth; ++b) {
      const SectionBlock &block = section.blocks[b], &space = mine.blocks[b];
      within(std::format("{} block {}: kernel", place, b), space.kernel, block.kernel);
      if (block.middle == space.middle) within(std::format("{} block {}: middle", place, b), space.size, block.size);
    }
  }
  within("c", net_.convolution.width, net.convolution.width);
  within("f", net_.linear.width, net.linear.width);
  // What is no number is the same in each subnet: the space with this net's numbers is this net.
  std::size_t section = 0;
  SectionNet same = choose(
      net_, [&](std::size_t, std::size_t) { return net.sections[section++].blocks.size(); },
      [](const Range& range) { return range.low; });
  same.side = net.side;
  same.stem = net.stem;
  same.convolution.width = net.convolution.width;
  same.linear.width = net.linear.width;
  for (std::size_t s = 0; s < net.sections.size(); ++s) {
    same.sections[s].width = net.sections[s].width;
    for (std::size_t b = 0; b < net.sections[s].blocks.size(); ++b) {
      same.sections[s].blocks[b].kernel = net.sections[s].blocks[b].kernel;
      same.sections[s].blocks[b].size = net.sections[s].blocks[b].size;
    }
  }
  if (same != net) outside("blocks", "'" + same.text() + "'", "'" + net.text() + "'");
}

ArchSpec SectionSpace::step(const ArchSpec& arch, Rng& rng) const {
  SectionNet net = net_of(arch);
  std::vector<Gene> genes;
  std::vector<std::size_t> depths;  // sections that can have more blocks or fewer
  const auto note = [&](Range& value, const Range& range) {
    if (!range.one() && value.low > 0) genes.push_back({&value, &range});
  };
  note(net.side, net_.side);
  note(net.stem, net_.stem);
  for (std::size_t s = 0; s < std::min(net.sections.size(), net_.sections.size()); ++s) {
    Section& section = net.sections[s];
    const Section& space = net_.sections[s];
    note(section.width, space.width);
    if (space.min_depth() < space.blocks.size()) depths.push_back(s);
    for (std::size_t b = 0; b < std::min(section.blocks.size(), space.blocks.size()); ++b) {
      note(section.blocks[b].kernel, space.blocks[b].kernel);
      note(section.blocks[b].size, space.blocks[b].size);
    }
  }
  note(net.convolution.width, net_.convolution.width);
  note(net.linear.width, net_.linear.width);
  if (genes.empty() && depths.empty()) return arch;
  // Depths are few and change much: a quarter of the steps, as in plain's.
  if (genes.empty() || (!depths.empty() && rng.uniform() < 0.25)) {
    const std::size_t s = depths[rng.below(static_cast<std::uint32_t>(depths.size()))];
    std::vector<SectionBlock>& blocks = net.sections[s].blocks;
    const Section& space = net_.sections[s];
    const bool deeper =
        blocks.size() == space.min_depth() || (blocks.size() < space.blocks.size() && rng.uniform() < 0.5);
    if (!deeper) {
      blocks.pop_back();
      return named(net);
    }
    SectionBlock added = space.blocks[blocks.size()];
    added.kernel = only(nearest(added.kernel, blocks.back().kernel.low));
    if (!added.size.one()) added.size = only(nearest(added.size, blocks.back().size.low));
    added.optional = false;
    blocks.push_back(added);
    return named(net);
  }
  const Gene& gene = genes[rng.below(static_cast<std::uint32_t>(genes.size()))];
  const int direction = rng.uniform() < 0.5 ? 1 : -1, steps = static_cast<int>(1 + rng.below(2));
  *gene.value =
      only(std::clamp(gene.value->low + direction * steps * gene.range->step, gene.range->low, gene.range->high));
  return named(net);
}

ArchSpec SectionSpace::complete(const ArchSpec& arch) const {
  SectionNet net = net_of(arch);
  const SectionNet least = net_of(smallest());
  for (std::size_t s = net.sections.size(); s < least.sections.size(); ++s) net.sections.push_back(least.sections[s]);
  if (!net.convolution.there()) net.convolution = least.convolution;
  if (!net.linear.there()) net.linear = least.linear;
  return named(net);
}

}  // namespace triage::family
