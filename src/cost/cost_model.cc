#include "cost/cost_model.h"

#include <algorithm>

#include "core/error.h"

namespace triage::cost {
namespace {

using family::Layer, family::LayerKind;

std::int64_t elements(const Layer& layer) { return std::int64_t{layer.out_channels} * layer.height * layer.width; }

// The layer behind which each map is needed no more.
std::vector<std::size_t> last_readers(const SegmentNet& stage) {
  std::vector<std::size_t> last(stage.net.layers.size(), 0);
  for (std::size_t i = stage.begin; i < stage.net.layers.size(); ++i) {
    const Layer& layer = stage.net.layers[i];
    if (layer.input != family::kImage) last[static_cast<std::size_t>(layer.input)] = i;
    if (layer.kind == LayerKind::add) last[static_cast<std::size_t>(layer.other)] = i;
  }
  return last;
}

std::int64_t largest_activations(const SegmentNet& stage) {
  const std::vector<Layer>& layers = stage.net.layers;
  const std::vector<std::size_t> last = last_readers(stage);
  const plan::InputShape& image = stage.net.input;
  std::int64_t largest = 0;
  for (std::size_t i = stage.begin; i < stage.end; ++i) {
    if (layers[i].kind != LayerKind::conv) continue;
    std::int64_t alive = elements(layers[i]);
    alive += layers[i].input == family::kImage ? std::int64_t{image.channels} * image.height * image.width
                                               : elements(layers[static_cast<std::size_t>(layers[i].input)]);
    for (std::size_t waits = 0; waits < i; ++waits) {
      if (last[waits] > i && static_cast<int>(waits) != layers[i].input) alive += elements(layers[waits]);
    }
    largest = std::max(largest, alive);
  }
  return largest;
}

}  // namespace

int Segment::end_section() const { return last_section < 0 ? static_cast<int>(family::sections(arch)) : last_section; }

bool Segment::whole() const {
  return first_section == 0 && !carry && (last_section < 0 || last_section == static_cast<int>(family::sections(arch)));
}

std::string Segment::text() const {
  std::string text = arch.text();
  if (first_section > 0 || (last_section >= 0 && last_section < static_cast<int>(family::sections(arch)))) {
    text += std::format("[{}:{}]", first_section, end_section());
  }
  if (carry) text += "+carry";
  return precision == plan::Precision::fp32 ? text : text + "/" + plan::to_string(precision);
}

const Layer* SegmentNet::input() const {
  const int before = static_cast<int>(begin) - 1;
  return before < 0 ? nullptr : &net.layers[static_cast<std::size_t>(before)];
}

const Layer& SegmentNet::pooled() const {
  const auto pool = std::ranges::find_if(net.layers, [](const Layer& layer) {
    return layer.kind == LayerKind::global_average || layer.kind == LayerKind::global_max;
  });
  return net.layers[static_cast<std::size_t>(pool->input)];
}

SegmentNet segment_net(const Segment& stage, const plan::InputShape& input, int classes) {
  const int sections = static_cast<int>(family::sections(stage.arch)), end = stage.end_section();
  if (stage.first_section < 0 || stage.first_section >= end || end > sections) {
    fail("stage '{}': expected sections in [0, {}), found [{}, {})", stage.arch.text(), sections, stage.first_section,
         end);
  }
  SegmentNet made{.net = family::blueprint(family::prefix(stage.arch, static_cast<std::size_t>(end)), input, classes)};
  if (stage.first_section > 0)
    made.begin = static_cast<std::size_t>(made.net.section_ends[static_cast<std::size_t>(stage.first_section) - 1]) + 1;
  made.end = made.net.layers.size() - 1;
  return made;
}

StageSize stage_size(const Segment& stage, const plan::InputShape& input, int classes) {
  const SegmentNet made = segment_net(stage, input, classes);
  const bool int8 = stage.precision == plan::Precision::int8;
  const bool narrow_heads = stage.arch.family != family::kPlain;  // of plain nets they stay in fp32
  StageSize size;
  for (std::size_t i = made.begin; i < made.net.layers.size(); ++i) {
    const Layer& layer = made.net.layers[i];
    const family::NetSize own = family::size_of({&layer, 1});
    size.macs += own.macs;
    size.parameters += own.parameters;
    std::int64_t channels = 0;
    for (const family::WeightSpec& spec : family::weights_of(layer))
      channels += spec.dims.size() == 1 ? spec.dims[0] : 0;
    const bool narrow = int8 && (narrow_heads || layer.kind != LayerKind::linear);
    size.weight_bytes += narrow ? own.parameters + 7 * channels : own.parameters * std::int64_t{sizeof(float)};
  }
  size.activation_bytes = largest_activations(made) * (int8 ? 1 : std::int64_t{sizeof(float)});
  return size;
}

StageSize CostModel::size(const Segment& stage, const plan::InputShape& input, int classes) const {
  return stage_size(stage, input, classes);
}

}  // namespace triage::cost
