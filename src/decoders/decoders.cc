// triage::decoders: the decoders of the data module behind the runtime's interface.
#include "data/image/resize.h"
#include "triage/decoder.h"

namespace triage {
namespace {

ErrorCode code_of(data::DecodeFailure failure) {
  return failure == data::DecodeFailure::unsupported ? ErrorCode::unsupported : ErrorCode::bad_input;
}

data::Decoded decoded(std::span<const std::uint8_t> bytes, const DecodeRequest& request) {
  const data::DecodeOptions options{.max_megapixels = request.max_megapixels};
  if (request.height == 0) return data::try_decode(bytes, options);
  return data::try_decode_resized(bytes, {.height = request.height,
                                          .width = request.width,
                                          .fit = fit_from_name(request.fit).value_or(Fit::squash),
                                          .decode = options});
}

class Decoders : public ImageDecoder {
 public:
  Result<DecodedImage> decode(const EncodedImage& image, const DecodeRequest& request) const override {
    try {
      data::Decoded got = decoded({image.bytes, image.size}, request);
      if (!got.image) return ErrorInfo{code_of(got.failure), got.reason};
      data::Image pixels =
          got.image->channels == request.channels ? std::move(*got.image) : to_channels(*got.image, request.channels);
      return DecodedImage{pixels.height, pixels.width, pixels.channels, std::move(pixels.pixels)};
    } catch (const std::bad_alloc&) {
      return ErrorInfo{ErrorCode::out_of_memory, "out of memory"};
    } catch (const std::exception& error) {
      return ErrorInfo{ErrorCode::bad_input, error.what()};
    }
  }
};

}  // namespace

const ImageDecoder& image_decoder() {
  static const Decoders decoders;
  return decoders;
}

}  // namespace triage
