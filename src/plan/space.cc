#include "plan/space.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace triage::plan {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view part, std::string_view expected) {
  fail("search space '{}': expected {}, found '{}'", text, expected, part);
}

int parse_number(std::string_view text, std::string_view part, std::string_view number) {
  int value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size() || value < 1 || value > kMaxWidth) {
    refuse(text, part, std::format("a width, or LOW:HIGH:STEP, of numbers from 1 to {}", kMaxWidth));
  }
  return value;
}

LayerSpace parse_layer(std::string_view text, std::string_view part) {
  LayerSpace layer;
  std::string_view range = part;
  layer.optional = range.ends_with('?');
  if (layer.optional) range.remove_suffix(1);
  const std::size_t first = range.find(':'), second = first == range.npos ? first : range.find(':', first + 1);
  if (first == range.npos) {
    layer.low = layer.high = parse_number(text, part, range);
    return layer;
  }
  if (second == range.npos) refuse(text, part, "LOW:HIGH:STEP");
  layer.low = parse_number(text, part, range.substr(0, first));
  layer.high = parse_number(text, part, range.substr(first + 1, second - first - 1));
  layer.step = parse_number(text, part, range.substr(second + 1));
  if (layer.low > layer.high) refuse(text, part, "rising widths (LOW at most HIGH)");
  if ((layer.high - layer.low) % layer.step != 0) refuse(text, part, "HIGH to be LOW and a number of STEPs");
  return layer;
}

std::string text_of(const LayerSpace& layer) {
  std::string text = std::to_string(layer.low);
  if (layer.low != layer.high) text += std::format(":{}:{}", layer.high, layer.step);
  return layer.optional ? text + '?' : text;
}

}  // namespace

SearchSpace SearchSpace::parse(std::string_view text) {
  if (text.size() > std::size_t{kMaxLayers} * 16) {
    fail("search space: expected at most {} layers, found a text of {} bytes", kMaxLayers, text.size());
  }
  SearchSpace space;
  space.blocks.emplace_back();
  std::size_t layers = 0;
  for (std::size_t begin = 0; begin <= text.size(); ++layers) {
    const std::size_t end = std::min(text.find_first_of(",-", begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    std::vector<LayerSpace>& block = space.blocks.back();
    block.push_back(parse_layer(text, part));
    if (block.size() == 1 && block[0].optional) refuse(text, part, "a first layer of a block that is not optional");
    if (block.size() > 1 && block[block.size() - 2].optional && !block.back().optional) {
      refuse(text, part, "an optional layer behind an optional one");
    }
    if (end < text.size() && text[end] == '-') space.blocks.emplace_back();
    begin = end + 1;
  }
  if (layers > kMaxLayers) fail("search space '{}': expected at most {} layers, found {}", text, kMaxLayers, layers);
  return space;
}

SearchSpace SearchSpace::only(const ArchSpec& arch) {
  SearchSpace space;
  for (const std::vector<int>& widths : arch.blocks) {
    std::vector<LayerSpace>& block = space.blocks.emplace_back();
    for (const int width : widths) block.push_back({.low = width, .high = width});
  }
  return space;
}

std::string SearchSpace::text() const {
  std::string text;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (std::size_t i = 0; i < blocks[b].size(); ++i) {
      if (i > 0 || b > 0) text += i > 0 ? ',' : '-';
      text += text_of(blocks[b][i]);
    }
  }
  return text;
}

std::size_t SearchSpace::min_depth(std::size_t block) const {
  return static_cast<std::size_t>(std::ranges::find_if(blocks[block], &LayerSpace::optional) - blocks[block].begin());
}

int SearchSpace::widest_end(std::size_t block) const {
  int width = 0;
  for (std::size_t i = min_depth(block) - 1; i < blocks[block].size(); ++i) {
    width = std::max(width, blocks[block][i].high);
  }
  return width;
}

ArchSpec SearchSpace::largest() const {
  ArchSpec arch;
  for (const auto& block : blocks) {
    std::vector<int>& widths = arch.blocks.emplace_back();
    for (const LayerSpace& layer : block) widths.push_back(layer.high);
  }
  return arch;
}

ArchSpec SearchSpace::smallest() const {
  ArchSpec arch;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    std::vector<int>& widths = arch.blocks.emplace_back();
    for (std::size_t i = 0; i < min_depth(b); ++i) widths.push_back(blocks[b][i].low);
  }
  return arch;
}

ArchSpec SearchSpace::sample(Rng& rng) const {
  ArchSpec arch;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::vector<LayerSpace>& block = blocks[b];
    const std::size_t least = min_depth(b);
    const std::size_t depth = least + rng.below(static_cast<std::uint32_t>(block.size() - least + 1));
    std::vector<int>& widths = arch.blocks.emplace_back();
    for (std::size_t i = 0; i < depth; ++i) {
      const auto choice = rng.below(static_cast<std::uint32_t>(block[i].choices()));
      widths.push_back(block[i].low + static_cast<int>(choice) * block[i].step);
    }
  }
  return arch;
}

ArchSpec SearchSpace::sample_sized(Rng& rng) const {
  const double size = rng.uniform();
  return sample_near(size, rng);
}

ArchSpec SearchSpace::sample_near(double size, Rng& rng) const {
  const auto about = [&](std::size_t choices) {  // an index in [0, choices)
    const double at = size + 0.15 * rng.normal();
    return static_cast<std::size_t>(std::clamp(at, 0.0, 0.999999) * static_cast<double>(choices));
  };
  ArchSpec arch;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::size_t least = min_depth(b), depth = least + about(blocks[b].size() - least + 1);
    std::vector<int>& widths = arch.blocks.emplace_back();
    for (std::size_t i = 0; i < depth; ++i) {
      const LayerSpace& layer = blocks[b][i];
      widths.push_back(layer.low + static_cast<int>(about(static_cast<std::size_t>(layer.choices()))) * layer.step);
    }
  }
  return arch;
}

std::vector<ArchSpec> SearchSpace::sample_distinct(std::size_t count, std::uint64_t seed) const {
  return distinct_samples<ArchSpec>(*this, count, seed);
}

void SearchSpace::check(const ArchSpec& arch) const {
  const auto outside = [&](const std::string& place, const std::string& expected, const std::string& found) {
    fail("subnet '{}' is not in the search space '{}': {}: expected {}, found {}", arch.text(), text(), place, expected,
         found);
  };
  if (arch.blocks.size() != blocks.size()) {
    outside("blocks", std::to_string(blocks.size()), std::to_string(arch.blocks.size()));
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::size_t depth = arch.blocks[b].size(), least = min_depth(b), most = blocks[b].size();
    if (depth < least || depth > most) {
      outside(std::format("block {}", b),
              least == most ? std::format("{} layers", most) : std::format("{} to {} layers", least, most),
              std::to_string(depth));
    }
    for (std::size_t i = 0; i < depth; ++i) {
      if (!blocks[b][i].has(arch.blocks[b][i])) {
        LayerSpace layer = blocks[b][i];
        layer.optional = false;
        outside(std::format("block {} layer {}", b, i), "a width of " + text_of(layer),
                std::to_string(arch.blocks[b][i]));
      }
    }
  }
}

ArchSpec SearchSpace::step(const ArchSpec& arch, Rng& rng) const {
  ArchSpec stepped = arch;
  const std::size_t b = rng.below(static_cast<std::uint32_t>(stepped.blocks.size()));
  std::vector<int>& widths = stepped.blocks[b];
  const std::vector<LayerSpace>& block = blocks[b];
  const std::size_t least = min_depth(b);
  if (block.size() > least && rng.uniform() < 0.25) {
    const bool deeper = widths.size() == least || (widths.size() < block.size() && rng.uniform() < 0.5);
    if (deeper) {
      const LayerSpace& layer = block[widths.size()];
      const int like = std::clamp(widths.back(), layer.low, layer.high);
      widths.push_back(layer.low + (like - layer.low) / layer.step * layer.step);
    } else {
      widths.pop_back();
    }
    return stepped;
  }
  const std::size_t i = rng.below(static_cast<std::uint32_t>(widths.size()));
  const LayerSpace& layer = block[i];
  const int steps = (rng.uniform() < 0.5 ? 1 : -1) * static_cast<int>(1 + rng.below(2));
  widths[i] = std::clamp(widths[i] + steps * layer.step, layer.low, layer.high);
  return stepped;
}

ArchSpec SearchSpace::complete(const ArchSpec& arch) const {
  ArchSpec whole = arch;
  const ArchSpec least = smallest();
  for (std::size_t b = whole.blocks.size(); b < least.blocks.size(); ++b) whole.blocks.push_back(least.blocks[b]);
  return whole;
}

double SearchSpace::subnets() const {
  double all = 1;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::vector<LayerSpace>& block = blocks[b];
    double of_block = 0, so_far = 1;
    for (std::size_t i = 0; i < block.size(); ++i) {
      so_far *= block[i].choices();
      if (i + 1 >= min_depth(b)) of_block += so_far;
    }
    all *= of_block;
  }
  return all;
}

}  // namespace triage::plan
