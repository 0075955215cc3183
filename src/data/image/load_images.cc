#include "data/image/load_images.h"

#include "data/image/in_order.h"

namespace triage::data {

void load_images(std::span<const fs::path> files, const LoadOptions& options,
                 const std::function<void(std::size_t index, Decoded decoded)>& take) {
  const auto load = [&](std::size_t i) {
    return options.fit.height > 0 ? try_load_resized(files[i], options.fit) : try_load(files[i], options.fit.decode);
  };
  for_each_in_order<Decoded>(0, files.size(), options.threads, load, take);
}

}  // namespace triage::data
