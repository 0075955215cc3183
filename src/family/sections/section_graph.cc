// The space of a net with ranges as a graph: its places are a side of the image, where in the net, and a width.
#include <algorithm>
#include <format>
#include <map>

#include "family/sections/section_family.h"

namespace triage::family {
namespace {

struct SidedPlace {
  int id = 0, side = 0;  // side: 0 where the image is as it comes
  plan::InputShape map;
};

std::vector<int> values(const Range& range) {
  std::vector<int> all;
  for (int value = range.low; value <= range.high; value += range.step) all.push_back(value);
  return all;
}

class Grapher {
 public:
  Grapher(const SectionFamily& family, const SectionNet& net) : family_(family), net_(net) {}

  SpaceGraph make(const plan::InputShape& input) && {
    std::vector<SidedPlace> before = stems(input);
    std::string joint = "-";
    for (const Section& section : net_.sections) {
      before = section_places(section, before, joint);
      joint = section.stride > 1 ? std::format("/{}-", section.stride) : "-";
    }
    joint.pop_back();
    const int last = graph_.places++;
    for (const SidedPlace& place : before) tails(place, last, joint);
    return std::move(graph_);
  }

 private:
  std::vector<SidedPlace> stems(const plan::InputShape& input) {
    std::vector<SidedPlace> made;
    for (const int side : values(net_.side)) {
      plan::InputShape seen = input;
      if (side > 0) seen.height = seen.width = side;
      for (const int width : values(net_.stem)) {
        SectionNet stem = net_;
        stem.stem = only(width);
        stem.side = only(0);
        stem.sections.clear();
        stem.convolution = stem.linear = {};
        BlueprintBuilder builder(seen, 1);
        family_.draw_stem(builder, stem);
        made.push_back(add({.side = side}, graph_.places++, stem.text(), builder));
      }
    }
    return made;
  }

  // The places behind which the section may end.
  std::vector<SidedPlace> section_places(const Section& section, std::vector<SidedPlace> before,
                                         const std::string& joint) {
    std::vector<SidedPlace> ends;
    for (std::size_t b = 0; b < section.blocks.size(); ++b) {
      std::map<std::pair<int, int>, SidedPlace> made;  // by side and width
      for (const SidedPlace& place : before) {
        for (const int width : b == 0 ? values(section.width) : std::vector{place.map.channels}) {
          const auto [to, fresh] = made.try_emplace({place.side, width});
          if (fresh) to->second.id = graph_.places++;
          to->second = blocks(section, b, width, place, to->second.id, joint);
        }
      }
      before.clear();
      for (const auto& [key, place] : made) before.push_back(place);
      if (b + 1 >= section.min_depth()) ends.insert(ends.end(), before.begin(), before.end());
    }
    return ends;
  }

  // Block b of a section, with every kernel and middle that it may have.
  SidedPlace blocks(const Section& section, std::size_t b, int width, const SidedPlace& from, int to,
                    const std::string& joint) {
    SidedPlace made;
    for (const int kernel : values(section.blocks[b].kernel)) {
      for (const int size : values(section.blocks[b].size)) {
        SectionBlock block = section.blocks[b];
        block.kernel = only(kernel);
        block.size = block.middle == Middle::width ? block.size : only(size);
        block.optional = false;
        BlueprintBuilder builder(from.map, 1);
        family_.draw(builder, "block", kImage, block, width, b == 0 ? section.stride : 1);
        std::string text = text_of(Section{.width = only(width), .blocks = {block}});
        if (b > 0) {
          text.erase(0, std::to_string(width).size());
          text = "," + (text.empty() ? "x1" : text);
        }
        made = add(from, to, b == 0 ? joint + text : text, builder);
      }
    }
    return made;
  }

  void tails(const SidedPlace& place, int last, const std::string& joint) {
    for (const int convolution : values(net_.convolution.width)) {
      for (const int linear : values(net_.linear.width)) {
        SectionNet tail{.stem = only(1), .convolution = net_.convolution, .linear = net_.linear};
        tail.convolution.width = only(convolution);
        tail.linear.width = only(linear);
        tail.side = only(place.side);
        BlueprintBuilder builder(place.map, 1);
        SectionFamily::draw_tails(builder, tail, kImage);
        add(place, last, joint + tail.text().substr(1), builder);  // behind the stem's "1"
      }
    }
  }

  SidedPlace add(const SidedPlace& from, int to, const std::string& text, const BlueprintBuilder& builder) {
    graph_.steps.push_back({from.id, to, text, builder.layers()});
    SidedPlace place{.id = to, .side = from.side, .map = from.map};
    if (builder.layers().empty()) return place;
    const Layer& last = builder.layers().back();
    place.map = {last.out_channels, last.height, last.width};
    return place;
  }

  const SectionFamily& family_;
  const SectionNet& net_;
  SpaceGraph graph_;
};

}  // namespace

SpaceGraph SectionSpace::graph(const plan::InputShape& input) const { return Grapher(family_, net_).make(input); }

}  // namespace triage::family
