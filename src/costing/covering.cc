// Map: a Place is a layer of the space; a subnet is a path through places and widths. heaviest_path() finds, by dynamic
// programming, the subnet with the most pairs that are still wanted; covering_subnets() takes it and goes on.
#include "costing/covering.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "core/error.h"

namespace triage::costing {
namespace {

constexpr double kJitter = 1e-3;  // breaks ties between paths at random; less than 1 over all layers of a net
constexpr double kSpread = 0.3;   // how far widths stray from their net's level, of the whole range
constexpr int kDraws = 100;       // around a level, for a net that is not there yet; then anywhere

struct Step {
  std::size_t place = 0;
  int choice = 0;
};

struct Place {
  std::size_t block = 0;
  const plan::LayerSpace* layer = nullptr;
  bool may_end = false;                            // the block may end here
  std::vector<std::size_t> before;                 // places that may stand before it; none: the image
  std::vector<int> inputs{0};                      // widths that come from there, rising; the image: one
  std::vector<std::vector<std::size_t>> input_of;  // [before][choice]: index into inputs
  std::vector<int> wanted;                         // [inputs, choices]: how often each pair still is

  int& want(std::size_t input, int choice) {
    return wanted[input * static_cast<std::size_t>(layer->choices()) + static_cast<std::size_t>(choice)];
  }
};

int width_of(const Place& place, int choice) { return place.layer->low + choice * place.layer->step; }

void connect(std::vector<Place>& places, Place& place, int times) {
  if (!place.before.empty()) {
    std::set<int> widths;
    for (const std::size_t from : place.before) {
      for (int c = 0; c < places[from].layer->choices(); ++c) widths.insert(width_of(places[from], c));
    }
    place.inputs.assign(widths.begin(), widths.end());
  }
  for (const std::size_t from : place.before) {
    std::vector<std::size_t>& row = place.input_of.emplace_back();
    for (int c = 0; c < places[from].layer->choices(); ++c) {
      const auto found = std::ranges::lower_bound(place.inputs, width_of(places[from], c));
      row.push_back(static_cast<std::size_t>(found - place.inputs.begin()));
    }
  }
  place.wanted.assign(place.inputs.size() * static_cast<std::size_t>(place.layer->choices()), times);
}

std::vector<Place> places_of(const plan::SearchSpace& space, int times) {
  std::vector<Place> places;
  std::vector<std::size_t> ends;  // of the block before
  for (std::size_t b = 0; b < space.blocks.size(); ++b) {
    std::vector<std::size_t> own_ends;
    for (std::size_t i = 0; i < space.blocks[b].size(); ++i) {
      Place place{.block = b, .layer = &space.blocks[b][i], .may_end = i + 1 >= space.min_depth(b)};
      place.before = i > 0 ? std::vector{places.size() - 1} : ends;
      connect(places, place, times);
      if (place.may_end) own_ends.push_back(places.size());
      places.push_back(std::move(place));
    }
    ends = std::move(own_ends);
  }
  return places;
}

struct Reached {  // a (place, choice) and the best way to it
  double gain = -1;
  Step from;
  std::size_t input = 0;
};

// The path with the most wanted pairs, which are wanted once less from then on.
std::vector<Step> heaviest_path(std::vector<Place>& places, Rng& rng) {
  std::vector<std::vector<Reached>> reached(places.size());
  Step last;
  double most = -1;
  for (std::size_t p = 0; p < places.size(); ++p) {
    Place& place = places[p];
    reached[p].resize(static_cast<std::size_t>(place.layer->choices()));
    for (int c = 0; c < place.layer->choices(); ++c) {
      Reached& here = reached[p][static_cast<std::size_t>(c)];
      const auto offer = [&](double before, Step from, std::size_t input) {
        const double gain = before + (place.want(input, c) > 0 ? 1 : 0) + kJitter * rng.uniform();
        if (gain > here.gain) here = {gain, from, input};
      };
      if (place.before.empty()) offer(0, {}, 0);
      for (std::size_t k = 0; k < place.before.size(); ++k) {
        const std::vector<Reached>& row = reached[place.before[k]];
        for (std::size_t f = 0; f < row.size(); ++f) {
          offer(row[f].gain, {place.before[k], static_cast<int>(f)}, place.input_of[k][f]);
        }
      }
      if (place.block == places.back().block && place.may_end && here.gain > most) {
        most = here.gain;
        last = {p, c};
      }
    }
  }
  std::vector<Step> path;
  for (Step step = last;;) {
    Place& place = places[step.place];
    const Reached& here = reached[step.place][static_cast<std::size_t>(step.choice)];
    int& want = place.want(here.input, step.choice);
    want = std::max(0, want - 1);
    path.push_back(step);
    if (place.before.empty()) break;
    step = here.from;
  }
  std::ranges::reverse(path);
  return path;
}

plan::ArchSpec arch_of(const std::vector<Step>& path, const std::vector<Place>& places) {
  plan::ArchSpec arch;
  for (const Step& step : path) {
    const Place& place = places[step.place];
    if (arch.blocks.size() <= place.block) arch.blocks.emplace_back();
    arch.blocks.back().push_back(width_of(place, step.choice));
  }
  return arch;
}

// Around `level` of a range that is [0, 1].
plan::ArchSpec sized_subnet(const plan::SearchSpace& space, double level, Rng& rng) {
  const auto choose = [&](std::size_t choices) {
    const double place = std::clamp(level + kSpread * (2 * rng.uniform() - 1), 0.0, 1.0);
    return static_cast<int>(std::lround(place * static_cast<double>(choices - 1)));
  };
  plan::ArchSpec arch;
  for (std::size_t b = 0; b < space.blocks.size(); ++b) {
    const std::vector<plan::LayerSpace>& block = space.blocks[b];
    const std::size_t least = space.min_depth(b);
    const std::size_t depth = least + static_cast<std::size_t>(choose(block.size() - least + 1));
    std::vector<int>& widths = arch.blocks.emplace_back();
    for (std::size_t i = 0; i < depth; ++i) {
      widths.push_back(block[i].low + block[i].step * choose(static_cast<std::size_t>(block[i].choices())));
    }
  }
  return arch;
}

}  // namespace

std::vector<plan::ArchSpec> covering_subnets(const plan::SearchSpace& space, int times, std::uint64_t seed) {
  if (times < 1) fail("covering subnets: times: expected at least 1, found {}", times);
  Rng rng(derive_seed(seed, "covering subnets"));
  std::vector<Place> places = places_of(space, times);
  const auto open = [](const Place& place) {
    return std::ranges::any_of(place.wanted, [](int want) { return want > 0; });
  };
  std::vector<plan::ArchSpec> subnets;
  while (std::ranges::any_of(places, open)) subnets.push_back(arch_of(heaviest_path(places, rng), places));
  return subnets;
}

std::vector<plan::ArchSpec> sized_subnets(const plan::SearchSpace& space, std::size_t count, std::uint64_t seed) {
  Rng rng(derive_seed(seed, "sized subnets"));
  count = static_cast<std::size_t>(std::min(space.subnets(), static_cast<double>(count)));
  std::vector<plan::ArchSpec> subnets;
  if (count > 1) subnets.push_back(space.smallest());
  std::set<std::string> seen{space.smallest().text(), space.largest().text()};
  for (int draw = 0; subnets.size() + 1 < count; ++draw) {
    const double level = static_cast<double>(subnets.size()) / static_cast<double>(count - 1);
    plan::ArchSpec subnet = draw < kDraws ? sized_subnet(space, level, rng) : space.sample(rng);
    if (!seen.insert(subnet.text()).second) continue;
    subnets.push_back(std::move(subnet));
    draw = 0;
  }
  if (count > 0) subnets.push_back(space.largest());
  return subnets;
}

}  // namespace triage::costing
