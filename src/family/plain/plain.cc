#include "family/plain/plain.h"

#include <utility>

#include "core/error.h"
#include "plan/space.h"

namespace triage::family {
namespace {

class PlainSpace final : public Space {
 public:
  explicit PlainSpace(plan::SearchSpace space) : space_(std::move(space)) {}

  std::string text() const override { return space_.text(); }
  std::size_t sections() const override { return space_.blocks.size(); }
  double subnets() const override { return space_.subnets(); }
  ArchSpec largest() const override { return plain_spec(space_.largest()); }
  ArchSpec smallest() const override { return plain_spec(space_.smallest()); }
  ArchSpec sample(Rng& rng) const override { return plain_spec(space_.sample(rng)); }
  ArchSpec sample_near(double size, Rng& rng) const override { return plain_spec(space_.sample_near(size, rng)); }
  std::vector<ArchSpec> corners() const override {  // what a block hands over depends on its depth
    std::vector<ArchSpec> corners{largest()};
    for (std::size_t b = 0; b < space_.blocks.size(); ++b) {
      plan::ArchSpec arch = space_.largest();
      while (arch.blocks[b].size() > space_.min_depth(b)) {
        arch.blocks[b].pop_back();
        corners.push_back(plain_spec(arch));
      }
    }
    return corners;
  }
  void check(const ArchSpec& arch) const override { space_.check(plain_arch(arch)); }
  ArchSpec step(const ArchSpec& arch, Rng& rng) const override {
    return plain_spec(space_.step(plain_arch(arch), rng));
  }
  ArchSpec complete(const ArchSpec& arch) const override { return plain_spec(space_.complete(plain_arch(arch))); }
  SpaceGraph graph(const plan::InputShape& input) const override;

 private:
  plan::SearchSpace space_;
};

// What a place hands over: a map, and which place it is.
struct Place {
  int id = 0;
  plan::InputShape map;
};

Place after(const SpaceStep& step) {
  const Layer& last = step.layers.back();
  return {step.to, {last.out_channels, last.height, last.width}};
}

SpaceGraph PlainSpace::graph(const plan::InputShape& input) const {
  SpaceGraph graph;
  std::vector<Place> ends{{.map = input}};  // of the block before
  for (std::size_t b = 0; b < space_.blocks.size(); ++b) {
    std::vector<Place> before = std::exchange(ends, {});
    for (std::size_t i = 0; i < space_.blocks[b].size(); ++i) {
      const plan::LayerSpace& layer = space_.blocks[b][i];
      std::vector<Place> made;
      for (int width = layer.low; width <= layer.high; width += layer.step) {
        const int to = graph.places++;
        for (const Place& place : before) {
          BlueprintBuilder builder(place.map, 1);
          const int conv = builder.conv("conv", kImage, width, {});
          if (b > 0 && i == 0) builder.max_pool("pool", conv, 2);
          const std::string joint = i > 0 ? "," : b > 0 ? "-" : "";
          graph.steps.push_back({place.id, to, joint + std::to_string(width), builder.layers()});
        }
        made.push_back(after(graph.steps.back()));
      }
      if (i + 1 >= space_.min_depth(b)) ends.insert(ends.end(), made.begin(), made.end());
      before = std::move(made);
    }
  }
  for (const Place& place : ends) graph.steps.push_back({place.id, graph.places, "", {}});
  ++graph.places;
  return graph;
}

}  // namespace

plan::ArchSpec plain_arch(const ArchSpec& arch) {
  if (arch.family != kPlain) fail("architecture '{}': expected one of the family plain", arch.text());
  return plan::ArchSpec::parse(arch.body);
}

ArchSpec plain_spec(const plan::ArchSpec& arch) { return {std::string(kPlain), arch.text()}; }

std::string PlainFamily::canonical(std::string_view body) const { return plan::ArchSpec::parse(body).text(); }

std::unique_ptr<Space> PlainFamily::space(std::string_view body) const {
  return std::make_unique<PlainSpace>(plan::SearchSpace::parse(body));
}

std::size_t PlainFamily::sections(std::string_view body) const { return plan::ArchSpec::parse(body).blocks.size(); }

std::string PlainFamily::prefix(std::string_view body, std::size_t sections) const {
  return plan::ArchSpec::parse(body).prefix(sections).text();
}

Blueprint PlainFamily::blueprint(std::string_view body, const plan::InputShape& input, int classes) const {
  const std::vector<plan::ConvLayer> layers = plan::conv_layers(plan::ArchSpec::parse(body), input);
  BlueprintBuilder builder(input, classes);
  int at = kImage;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    at = builder.conv(layers[i].name(), at, layers[i].out_channels, {});
    if (layers[i].pool) at = builder.max_pool(layers[i].name() + "/pool", at, 2);
    if (i + 1 == layers.size() || layers[i + 1].block != layers[i].block) builder.end_section(at);
  }
  return builder.finish(at, LayerKind::global_max);
}

}  // namespace triage::family
