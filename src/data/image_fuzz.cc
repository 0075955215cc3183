// Any bytes as an image: refused with an Error, or pixels of the size they claim.
#include <cstdlib>

#include "core/error.h"
#include "data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const triage::data::Image image = triage::data::decode_image({data, size}, "image");
    if (image.channels != 1 && image.channels != 3) std::abort();
    if (image.pixels.size() != static_cast<std::size_t>(image.height) * image.width * image.channels) std::abort();
    if (image.pixels.size() < 100'000) triage::data::resize(triage::data::to_channels(image, 3), 5, 9);
  } catch (const triage::Error&) {
  }
  return 0;
}
