#include "data/contact_sheet.h"

#include <algorithm>

namespace triage::data {

Image contact_sheet(const Dataset& dataset) {
  constexpr int kColumns = 12;
  constexpr std::size_t kRows = 100;
  const DatasetInfo& info = dataset.info();
  const std::size_t row_bytes = static_cast<std::size_t>(info.width) * info.channels;
  const auto rows = static_cast<int>(std::min(kRows, info.classes.size()));
  Image sheet{rows * info.height, kColumns * info.width, info.channels, {}};
  sheet.pixels.resize(row_bytes * kColumns * static_cast<std::size_t>(sheet.height), 255);
  std::vector<int> used(info.classes.size());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    const std::size_t label = dataset.label(i);
    if (label >= kRows || used[label] == kColumns) continue;
    const auto column = static_cast<std::size_t>(used[label]++);
    for (int y = 0; y < info.height; ++y) {
      const std::size_t row = label * info.height + y;
      std::copy_n(dataset.image(i) + y * row_bytes, row_bytes, &sheet.pixels[(row * kColumns + column) * row_bytes]);
    }
  }
  return sheet;
}

}  // namespace triage::data
