// In place of image.cc in a program that trains and imports nothing, built without the libraries of the formats.
#include "data/image/image.h"

namespace triage::data {

Decoded try_decode(std::span<const std::uint8_t>, const DecodeOptions&) {
  return {std::nullopt,
          DecodeFailure::unsupported,
          "this program was built without decoders of images: use a data set of pixels, imported with --height and "
          "--width",
          {}};
}

Decoded try_load(const fs::path&, const DecodeOptions& options) { return try_decode({}, options); }

}  // namespace triage::data
