#include "data/contact_sheet.h"

#include <algorithm>

#include "data/image/resize.h"

namespace triage::data {
namespace {

constexpr int kEncodedSide = 128;

}  // namespace

Image picture_of(const Dataset& dataset, std::uint32_t index) {
  Image image;
  const ImageView view = dataset.view(index, image);
  if (dataset.encoded()) return resize(image, kEncodedSide, kEncodedSide, Fit::pad);
  const auto bytes = dataset.bytes(index);
  return {view.height, view.width, view.channels, {bytes.begin(), bytes.end()}};
}

Image contact_sheet(const Dataset& dataset) {
  constexpr int kColumns = 12;
  constexpr std::size_t kRows = 100;
  const DatasetInfo& info = dataset.info();
  const int height = info.encoded ? kEncodedSide : info.height, width = info.encoded ? kEncodedSide : info.width;
  const std::size_t row_bytes = static_cast<std::size_t>(width) * info.channels;
  const auto rows = static_cast<int>(std::min(kRows, info.classes.size()));
  Image sheet{rows * height, kColumns * width, info.channels, {}};
  sheet.pixels.resize(row_bytes * kColumns * static_cast<std::size_t>(sheet.height), 255);
  std::vector<int> used(info.classes.size());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    const std::size_t label = dataset.label(i);
    if (label >= kRows || used[label] == kColumns) continue;
    const auto column = static_cast<std::size_t>(used[label]++);
    const Image image = picture_of(dataset, i);
    for (int y = 0; y < height; ++y) {
      const std::size_t row = label * height + y;
      std::copy_n(&image.pixels[y * row_bytes], row_bytes, &sheet.pixels[(row * kColumns + column) * row_bytes]);
    }
  }
  return sheet;
}

}  // namespace triage::data
