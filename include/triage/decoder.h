// Encoded images (the content of JPEG, PNG, ... files) into a Classifier. The runtime has no decoder of its own, so
// that it needs no libraries of formats; the optional library triage::decoders has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "triage/result.h"

namespace triage {

struct EncodedImage {  // not owned
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
};

struct DecodeRequest {
  int channels = 3;           // 1 or 3
  int height = 0, width = 0;  // of the result; 0: as the image is, every pixel decoded
  std::string_view fit;       // how an image of another size becomes that: ClassifierInfo::fit
  double max_megapixels = 0;  // of 2^20 pixels; more are refused before memory is taken for them
};

struct DecodedImage {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // [height, width, channels]
};

// Thread-safe.
class ImageDecoder {
 public:
  virtual ~ImageDecoder() = default;
  // Throws nothing. Errors: bad_input for what is no image, damaged or too large; unsupported for a kind of image that
  // is not read; out_of_memory.
  virtual Result<DecodedImage> decode(const EncodedImage& image, const DecodeRequest& request) const = 0;
};

// Of the library triage::decoders: JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, told by their content, turned as their EXIF
// data say; decoded and brought to a size as `triage predict` and the importers do it. Lives as long as the process.
const ImageDecoder& image_decoder();

}  // namespace triage
