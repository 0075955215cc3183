// Images that are measured with, and the file in which another process or device gets them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "plan/arch.h"
#include "triage/classifier.h"

namespace triage::measure {

// As the plan takes them: of its size, or of any where it takes any. Not owned.
using Images = std::span<const ImageView>;

inline const ImageView& image_at(Images images, std::size_t index) { return images[index % images.size()]; }

// The images of a block of pixels [count, height, width, channels], count 1 or more. Throws Error with `origin` where
// that is not what it is.
std::vector<ImageView> images_of_block(std::span<const std::uint8_t> pixels, const plan::InputShape& shape,
                                       const std::string& origin);

// The content of a file of images for a plan that takes this shape: pixels [count, height, width, channels] and nothing
// else; of images of any size, with their sizes in front (docs/formats.md). The images must fit the shape.
std::string image_file_bytes(Images images, const plan::InputShape& shape);

// Throws Error naming file, found and expected: no images, a rest, sizes and pixels that do not fit together.
class ImageFile {
 public:
  ImageFile(const fs::path& file, const plan::InputShape& shape);
  Images images() const { return images_; }

 private:
  MappedFile file_;
  std::vector<ImageView> images_;
};

}  // namespace triage::measure
