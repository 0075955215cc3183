// Many image files decoded side by side.
#pragma once

#include <functional>
#include <span>

#include "data/image/resize.h"

namespace triage::data {

struct LoadOptions {
  FitOptions fit;   // height 0: images keep their size
  int threads = 0;  // 0: all cores
};

// Calls take(index, image or why there is none) for each file, in the order of `files`, in the calling thread. Only a
// few images a thread are in memory at a time. What take() throws ends the work and is thrown on.
void load_images(std::span<const fs::path> files, const LoadOptions& options,
                 const std::function<void(std::size_t index, Decoded decoded)>& take);

}  // namespace triage::data
