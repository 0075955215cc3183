#include "data/split_config.h"

#include <format>

namespace triage::data {
namespace {

std::optional<SplitSize> read_split_size(ConfigSection& section, const char* key) {
  if (!section.has(key)) return std::nullopt;
  std::string text;
  if (section.is_string(key)) {
    section.read(key, text);
  } else {
    double number = 0;
    section.read(key, number, 1e-6, 1 << 30);
    text = std::format("{}", number);
  }
  const std::optional<SplitSize> size = parse_split_size(text);
  if (!size) section.fail_at(key, "a number of images, or a share of the training images such as \"10%\" or 0.1");
  return size;
}

}  // namespace

SplitSizes read_split_sizes(ConfigSection& section) {
  SplitSizes sizes;
  sizes.route = read_split_size(section, "route");
  sizes.validation = read_split_size(section, "validation");
  return sizes;
}

}  // namespace triage::data
