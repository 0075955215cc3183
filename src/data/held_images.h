// Some images of a data set, decoded and kept, for what must not wait for a decoder: timing.
#pragma once

#include <span>
#include <vector>

#include "data/dataset.h"

namespace triage::data {

class HeldImages {
 public:
  // Stops before `max_bytes` of decoded pixels would be passed (never before the first image): size() tells. Those of a
  // raw set lie in its file and take none. The data set outlives this.
  HeldImages(const Dataset& dataset, std::span<const std::uint32_t> indices, std::size_t max_bytes);

  std::size_t size() const { return views_.size(); }
  std::span<const ImageView> views() const { return views_; }  // in the order of the indices

 private:
  std::vector<Image> images_;
  std::vector<ImageView> views_;
};

}  // namespace triage::data
