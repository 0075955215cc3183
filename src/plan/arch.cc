#include "plan/arch.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <utility>

#include "core/error.h"

namespace triage::plan {
namespace {

int parse_width(std::string_view text, std::string_view part) {
  int width = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), width);
  if (error != std::errc{} || end != part.data() + part.size() || width < 1 || width > kMaxWidth) {
    fail("architecture '{}': expected a width from 1 to {}, found '{}'", text, kMaxWidth, part);
  }
  return width;
}

void check(const ArchSpec& arch, const InputShape& input) {
  check_input_shape(input);
  std::size_t layers = 0;
  for (const auto& block : arch.blocks) {
    layers += block.size();
    if (block.empty()) fail("architecture '{}': expected a width in every block, found an empty block", arch.text());
    if (std::ranges::any_of(block, [](int width) { return width < 1 || width > kMaxWidth; })) {
      fail("architecture '{}': expected widths from 1 to {}", arch.text(), kMaxWidth);
    }
  }
  if (layers < 1 || layers > kMaxLayers) {
    fail("architecture '{}': expected 1 to {} layers, found {}", arch.text(), kMaxLayers, layers);
  }
}

}  // namespace

void check_input_shape(const InputShape& input) {
  const bool sane = input.channels >= 1 && input.channels <= kMaxWidth && input.height >= 1 &&
                    input.height <= kMaxSide && input.width >= 1 && input.width <= kMaxSide;
  if (!sane) {
    fail("input shape: expected sides from 1 to {} and channels from 1 to {}, found {}x{}x{}", kMaxSide, kMaxWidth,
         input.channels, input.height, input.width);
  }
}

ArchSpec ArchSpec::parse(std::string_view text) {
  if (text.size() > std::size_t{kMaxLayers} * 5) {
    fail("architecture: expected at most {} layers, found a text of {} bytes", kMaxLayers, text.size());
  }
  ArchSpec arch;
  arch.blocks.emplace_back();
  std::size_t layers = 0;
  for (std::size_t begin = 0; begin <= text.size(); ++layers) {
    const std::size_t end = std::min(text.find_first_of(",-", begin), text.size());
    arch.blocks.back().push_back(parse_width(text, text.substr(begin, end - begin)));
    if (end < text.size() && text[end] == '-') arch.blocks.emplace_back();
    begin = end + 1;
  }
  if (layers > kMaxLayers) fail("architecture '{}': expected at most {} layers, found {}", text, kMaxLayers, layers);
  return arch;
}

std::string ArchSpec::text() const {
  std::string text;
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    for (std::size_t i = 0; i < blocks[block].size(); ++i) {
      if (i > 0 || block > 0) text += i > 0 ? ',' : '-';
      text += std::to_string(blocks[block][i]);
    }
  }
  return text;
}

ArchSpec ArchSpec::prefix(std::size_t count) const {
  return {{blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(std::min(count, blocks.size()))}};
}

std::string ConvLayer::name() const { return std::format("block{}.conv{}", block, index); }

std::vector<ConvLayer> conv_layers(const ArchSpec& arch, const InputShape& input) {
  check(arch, input);
  std::vector<ConvLayer> layers;
  int channels = input.channels, height = input.height, width = input.width;
  for (int block = 0; block < static_cast<int>(arch.blocks.size()); ++block) {
    for (int index = 0; index < static_cast<int>(arch.blocks[block].size()); ++index) {
      ConvLayer layer{.block = block,
                      .index = index,
                      .in_channels = channels,
                      .out_channels = arch.blocks[block][index],
                      .height = height,
                      .width = width};
      layer.pool = block > 0 && index == 0;
      const std::int64_t weights = std::int64_t{9} * layer.in_channels * layer.out_channels;
      layer.macs = weights * height * width;
      layer.parameters = weights + layer.out_channels;
      if (layer.pool && (height < 2 || width < 2)) {
        fail(
            "architecture '{}': block {} would pool a map of {}x{}: expected fewer blocks or a larger image than {}x{}",
            arch.text(), block, height, width, input.height, input.width);
      }
      if (layer.pool) height /= 2;
      if (layer.pool) width /= 2;
      channels = layer.out_channels;
      layers.push_back(layer);
    }
  }
  return layers;
}

ArchCost arch_cost(const ArchSpec& arch, const InputShape& input, int classes) {
  if (classes < 1 || classes > kMaxClasses) fail("expected 1 to {} classes, found {}", kMaxClasses, classes);
  ArchCost cost;
  for (const ConvLayer& layer : conv_layers(arch, input)) {
    cost.macs += layer.macs;
    cost.parameters += layer.parameters;
    const std::int64_t elements = std::int64_t{layer.height} * layer.width * (layer.in_channels + layer.out_channels);
    cost.peak_activation_elements = std::max(cost.peak_activation_elements, elements);
  }
  cost.macs += std::int64_t{arch.head_width()} * classes;
  cost.parameters += (std::int64_t{arch.head_width()} + 1) * classes;
  return cost;
}

Json to_json(const InputShape& input) {
  return {{"channels", input.channels}, {"height", input.height}, {"width", input.width}};
}

InputShape input_shape_from_json(const JsonReader& json) {
  InputShape shape{.channels = json.get_in("channels", 1, kMaxWidth),
                   .height = json.get_in("height", 0, kMaxSide),
                   .width = json.get_in("width", 0, kMaxSide)};
  for (const auto& [key, side] : {std::pair{"height", shape.height}, {"width", shape.width}}) {
    if (side == 0 && shape.height + shape.width > 0)
      json.at(key).fail_here(std::format("a number from 1 to {}, or 0 for both sides", kMaxSide));
  }
  return shape;
}

}  // namespace triage::plan
