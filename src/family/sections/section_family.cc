#include "family/sections/section_family.h"

#include <algorithm>
#include <format>

#include "core/error.h"

namespace triage::family {

SectionNet SectionFamily::parse_one(std::string_view body) const {
  SectionNet net = SectionNet::parse(body, grammar_);
  if (!net.one()) fail("{} net '{}': expected one net, found ranges or optional blocks", grammar_.family, body);
  return net;
}

std::unique_ptr<Space> SectionFamily::space(std::string_view body) const {
  return std::make_unique<SectionSpace>(SectionNet::parse(body, grammar_), *this);
}

std::string SectionFamily::prefix(std::string_view body, std::size_t sections) const {
  SectionNet net = parse_one(body);
  if (sections < 1) fail("{} net '{}': expected a prefix of at least one section", grammar_.family, body);
  if (sections >= net.sections.size()) return net.text();
  net.sections.resize(sections);
  net.convolution = net.linear = {};
  return net.text();
}

int SectionFamily::draw_stem(BlueprintBuilder& builder, const SectionNet& net) const {
  return builder.conv("stem", kImage, net.stem.low,
                      {.kernel = net.stem_kernel,
                       .stride = std::min(net.stem_stride, 2),
                       .activation = activation_of(net.stem_hard_swish)});
}

int SectionFamily::draw_tails(BlueprintBuilder& builder, const SectionNet& net, int from) {
  int at = from;
  if (net.convolution.there()) {
    at = builder.conv("tail.conv", at, net.convolution.width.low,
                      {.kernel = 1, .activation = activation_of(net.convolution.hard_swish)});
  }
  if (!net.linear.there()) return at;
  at = builder.global_pool(at, LayerKind::global_average);
  return builder.linear("tail.linear", at, net.linear.width.low, activation_of(net.linear.hard_swish));
}

Blueprint SectionFamily::blueprint(std::string_view body, const plan::InputShape& input, int classes) const {
  const SectionNet net = parse_one(body);
  plan::InputShape seen = input;
  if (net.side.low > 0) seen.height = seen.width = net.side.low;
  BlueprintBuilder builder(seen, classes);
  int at = draw_stem(builder, net);
  for (std::size_t s = 0; s < net.sections.size(); ++s) {
    const Section& section = net.sections[s];
    for (std::size_t b = 0; b < section.blocks.size(); ++b) {
      at = draw(builder, std::format("section{}.block{}", s, b), at, section.blocks[b], section.width.low,
                b == 0 ? section.stride : 1);
    }
    builder.end_section(at);
  }
  return builder.finish(draw_tails(builder, net, at), LayerKind::global_average);
}

}  // namespace triage::family
