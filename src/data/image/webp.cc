#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <new>

#include "data/image/codec.h"

namespace triage::data {
namespace {

[[noreturn]] void refuse_webp(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      give_up(DecodeFailure::unsupported, "a feature that libwebp does not know");
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      give_up(DecodeFailure::damaged, "the file ends early");
    default:
      give_up(DecodeFailure::damaged, "corrupt data");
  }
}

// Pixels RGBA of the first frame on its canvas, as a browser shows it.
std::vector<std::uint8_t> first_frame(ByteSpan bytes, std::size_t expected) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) give_up(DecodeFailure::unsupported, "another version of libwebpdemux");
  options.color_mode = MODE_RGBA;
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&data, &options),
                                                                                   WebPAnimDecoderDelete);
  std::uint8_t* pixels = nullptr;
  int milliseconds = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &pixels, &milliseconds)) {
    give_up(DecodeFailure::damaged, "corrupt data or an early end");
  }
  return {pixels, pixels + expected};
}

int orientation_of(ByteSpan bytes) {
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (!demuxer || (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & EXIF_FLAG) == 0) return 1;
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) return 1;
  const int orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

}  // namespace

Raw decode_webp(ByteSpan bytes, const DecodeOptions& options) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) give_up(DecodeFailure::unsupported, "another version of libwebp");
  VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &config.input);
  if (status != VP8_STATUS_OK) refuse_webp(status);
  const int height = config.input.height, width = config.input.width;
  check_size(static_cast<std::uint64_t>(height), static_cast<std::uint64_t>(width), options);
  const bool alpha = config.input.has_alpha != 0, animation = config.input.has_animation != 0;
  const int channels = alpha || animation ? 4 : 3;
  const std::size_t row_bytes = static_cast<std::size_t>(width) * channels;
  std::vector<std::uint8_t> pixels;
  if (animation) {
    pixels = first_frame(bytes, row_bytes * height);
  } else {
    pixels.resize(row_bytes * height);
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {pixels.data(), static_cast<int>(row_bytes), pixels.size()};
    status = WebPDecode(bytes.data(), bytes.size(), &config);
    if (status != VP8_STATUS_OK) refuse_webp(status);
  }
  if (channels == 4) pixels = compose_on_white(pixels, 3);
  return {{height, width, 3, std::move(pixels)}, orientation_of(bytes)};
}

}  // namespace triage::data
