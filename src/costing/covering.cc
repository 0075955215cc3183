// Map: layers_of_steps() lists what the steps of a space's graph bring along; heaviest_way() finds, by dynamic
// programming, the way with the most layers that are still wanted; covering_subnets() takes it and goes on.
#include "costing/covering.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/error.h"
#include "core/rng.h"
#include "cost/layers/layer_key.h"

namespace triage::costing {
namespace {

constexpr double kJitter = 1e-4;  // breaks ties between ways at random; less than 1 over all steps of a net
constexpr int kDraws = 100;       // around a level, for a net that is not there yet; then anywhere

struct Layers {
  std::vector<std::vector<std::size_t>> of_step;  // numbers of the layers that it has
  std::vector<int> wanted;                        // how often each of them still is
};

Layers layers_of_steps(const family::SpaceGraph& graph, int times) {
  Layers layers;
  std::map<cost::LayerKey, std::size_t> numbers;
  for (const family::SpaceStep& step : graph.steps) {
    std::vector<std::size_t>& own = layers.of_step.emplace_back();
    for (const cost::KeyedLayer& layer : cost::keyed_layers(step.layers, 0, step.layers.size()))
      own.push_back(numbers.try_emplace(layer.key, numbers.size()).first->second);
  }
  layers.wanted.assign(numbers.size(), times);
  return layers;
}

// The way with the most wanted layers, as steps from the image on. A layer that it has twice counts twice.
std::vector<std::size_t> heaviest_way(const family::SpaceGraph& graph, const Layers& layers, Rng& rng) {
  struct Reached {
    double gain = -1;
    std::size_t by = 0;  // the step
  };
  std::vector<Reached> reached(static_cast<std::size_t>(graph.places));
  reached[0].gain = 0;
  for (std::size_t s = 0; s < graph.steps.size(); ++s) {
    const family::SpaceStep& step = graph.steps[s];
    double gain = reached[static_cast<std::size_t>(step.from)].gain + kJitter * rng.uniform();
    for (const std::size_t layer : layers.of_step[s]) gain += layers.wanted[layer] > 0 ? 1 : 0;
    Reached& to = reached[static_cast<std::size_t>(step.to)];
    if (gain > to.gain) to = {gain, s};
  }
  std::vector<std::size_t> way;
  for (int place = graph.places - 1; place > 0; place = graph.steps[way.back()].from)
    way.push_back(reached[static_cast<std::size_t>(place)].by);
  std::ranges::reverse(way);
  return way;
}

}  // namespace

std::vector<family::ArchSpec> covering_subnets(const family::Space& space, const plan::InputShape& input, int times,
                                               std::uint64_t seed) {
  if (times < 1) fail("covering subnets: times: expected at least 1, found {}", times);
  Rng rng(derive_seed(seed, "covering subnets"));
  const std::string space_text = space.text();
  const std::string family(family::split_family(space_text).family);
  const family::SpaceGraph graph = space.graph(input);
  Layers layers = layers_of_steps(graph, times);
  std::vector<family::ArchSpec> subnets;
  while (std::ranges::any_of(layers.wanted, [](int wanted) { return wanted > 0; })) {
    std::string body;
    std::set<std::size_t> held;
    for (const std::size_t step : heaviest_way(graph, layers, rng)) {
      body += graph.steps[step].text;
      held.insert(layers.of_step[step].begin(), layers.of_step[step].end());
    }
    for (const std::size_t layer : held) layers.wanted[layer] = std::max(0, layers.wanted[layer] - 1);
    subnets.push_back(family::ArchSpec::parse(family::join_family(family, body)));
  }
  return subnets;
}

std::vector<family::ArchSpec> sized_subnets(const family::Space& space, std::size_t count, std::uint64_t seed) {
  Rng rng(derive_seed(seed, "sized subnets"));
  count = static_cast<std::size_t>(std::min(space.subnets(), static_cast<double>(count)));
  std::vector<family::ArchSpec> subnets;
  if (count > 1) subnets.push_back(space.smallest());
  std::set<std::string> seen{space.smallest().text(), space.largest().text()};
  for (int draw = 0; subnets.size() + 1 < count; ++draw) {
    const double level = static_cast<double>(subnets.size()) / static_cast<double>(count - 1);
    family::ArchSpec subnet = draw < kDraws ? space.sample_near(level, rng) : space.sample(rng);
    if (!seen.insert(subnet.text()).second) continue;
    subnets.push_back(std::move(subnet));
    draw = 0;
  }
  if (count > 0) subnets.push_back(space.largest());
  return subnets;
}

}  // namespace triage::costing
