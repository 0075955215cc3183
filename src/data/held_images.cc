#include "data/held_images.h"

namespace triage::data {

HeldImages::HeldImages(const Dataset& dataset, std::span<const std::uint32_t> indices, std::size_t max_bytes) {
  std::size_t held = 0;
  for (const std::uint32_t index : indices) {
    Image image;
    const ImageView view = dataset.view(index, image);
    held += image.pixels.size();
    if (held > max_bytes && !views_.empty()) return;
    views_.push_back(view);  // moving the image leaves its pixels where they are
    images_.push_back(std::move(image));
  }
}

}  // namespace triage::data
