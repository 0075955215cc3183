// In place of jpeg.cc, png.cc, webp.cc, gif.cc and tiff.cc in a program that was built without the formats' libraries.
#include "core/error.h"
#include "data/image/codec.h"

namespace triage::data {
namespace {

[[noreturn]] void refuse(ByteSpan bytes) {
  give_up(DecodeFailure::unsupported, "this program was built without {}, with the preset cuda",
          format_name(sniff(bytes).value()));
}

}  // namespace

Raw decode_jpeg(ByteSpan bytes, const DecodeOptions&) { refuse(bytes); }
Raw decode_png(ByteSpan bytes, const DecodeOptions&) { refuse(bytes); }
Raw decode_webp(ByteSpan bytes, const DecodeOptions&) { refuse(bytes); }
Raw decode_gif(ByteSpan bytes, const DecodeOptions&) { refuse(bytes); }
Raw decode_tiff(ByteSpan bytes, const DecodeOptions&) { refuse(bytes); }

std::vector<std::uint8_t> encode_png(const Image&) {
  fail("PNG: this program was built without it, with the preset cuda");
}

}  // namespace triage::data
