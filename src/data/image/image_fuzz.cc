// Any bytes as an image of any format: refused with a reason, or pixels of the size they claim.
#include <cstdlib>

#include "data/image/resize.h"

namespace {

using namespace triage::data;

// Small enough that a claimed size costs a mutant no seconds; the limit itself is tested elsewhere.
constexpr double kMegapixels = 1.0 / 32;

void check(const Decoded& decoded) {
  if (!decoded.image) {
    if (decoded.reason.empty()) std::abort();
    return;
  }
  const Image& image = *decoded.image;
  if (image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels != 3)) std::abort();
  if (image.pixels.size() != static_cast<std::size_t>(image.height) * image.width * image.channels) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  DecodeOptions options;
  options.max_megapixels = kMegapixels;
  const Decoded whole = try_decode(bytes, options);
  check(whole);
  if (!whole.image && whole.failure == DecodeFailure::not_an_image && sniff(bytes)) std::abort();

  // As import and predict read it: perhaps at a fraction, then to another size.
  const triage::Fit fit = size % 3 == 0 ? triage::Fit::squash : size % 3 == 1 ? triage::Fit::crop : triage::Fit::pad;
  options.exif_orientation = size % 2 == 0;
  const Decoded resized = try_decode_resized(bytes, {.height = 5, .width = 3, .fit = fit, .decode = options});
  check(resized);
  if (resized.image && (resized.image->height != 5 || resized.image->width != 3)) std::abort();
  return 0;
}
