#include "data/image/image.h"

#include <new>

#include "core/error.h"
#include "data/image/codec.h"

namespace triage::data {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;  // 64 megapixels of 16 bytes each

// As a viewer shows it: orientations 2 to 4 mirror and turn by 180 degrees, 5 to 8 exchange the axes as well.
Image turned(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool exchange = orientation >= 5;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const std::ptrdiff_t row = std::ptrdiff_t{image.width} * image.channels;
  const std::ptrdiff_t down = from_bottom ? -row : row, right = from_right ? -image.channels : image.channels;
  const std::uint8_t* start = image.pixels.data();
  if (from_bottom) start += (image.height - 1) * row;
  if (from_right) start += row - image.channels;
  Image out{exchange ? image.width : image.height, exchange ? image.height : image.width, image.channels, {}};
  out.pixels.resize(image.pixels.size());
  std::uint8_t* target = out.pixels.data();
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x, target += image.channels) {
      const std::ptrdiff_t source_y = exchange ? x : y, source_x = exchange ? y : x;
      std::copy_n(start + source_y * down + source_x * right, image.channels, target);
    }
  }
  return out;
}

Raw decode_as(ImageFormat format, ByteSpan bytes, const DecodeOptions& options) {
  switch (format) {
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, options);
    case ImageFormat::png:
      return decode_png(bytes, options);
    case ImageFormat::webp:
      return decode_webp(bytes, options);
    case ImageFormat::gif:
      return decode_gif(bytes, options);
    case ImageFormat::bmp:
      return decode_bmp(bytes, options);
    case ImageFormat::tiff:
      return decode_tiff(bytes, options);
    case ImageFormat::pnm:
      return decode_pnm(bytes, options);
  }
  fail("image format {}: no such format", static_cast<int>(format));
}

}  // namespace

void check_size(std::uint64_t height, std::uint64_t width, const DecodeOptions& options) {
  if (height == 0 || width == 0) give_up(DecodeFailure::damaged, "{}x{} pixels, expected at least one", height, width);
  const double megapixels = static_cast<double>(height) * static_cast<double>(width) / (1 << 20);
  if (megapixels > options.max_megapixels) {
    give_up(DecodeFailure::too_large, "{}x{} pixels, expected at most {} megapixels (--max-megapixels)", height, width,
            options.max_megapixels);
  }
}

std::vector<std::uint8_t> compose_on_white(ByteSpan in, int channels) {
  std::vector<std::uint8_t> out(in.size() / (channels + 1) * channels);
  for (std::size_t i = 0, o = 0; o < out.size(); i += channels + 1) {
    const unsigned alpha = in[i + channels];
    for (int c = 0; c < channels; ++c) {
      out[o++] = static_cast<std::uint8_t>((in[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return out;
}

Decoded try_decode(ByteSpan bytes, const DecodeOptions& options) {
  const std::optional<ImageFormat> format = sniff(bytes);
  if (!format) {
    const Content content = describe_content(bytes);
    return {std::nullopt, content.foreign_image ? DecodeFailure::unsupported : DecodeFailure::not_an_image,
            std::format("{}, expected an image: {}", content.what, kImageFormats), content.what};
  }
  try {
    Raw raw = decode_as(*format, bytes, options);
    return {turned(std::move(raw.image), options.exif_orientation ? raw.orientation : 1), {}, {}};
  } catch (const std::bad_alloc&) {
    return {std::nullopt,
            DecodeFailure::too_large,
            std::format("out of memory for the pixels of this {}; a lower --max-megapixels refuses it before",
                        format_name(*format)),
            {}};
  } catch (const Undecodable& why) {
    const bool damaged = why.failure == DecodeFailure::damaged;
    return {std::nullopt, why.failure,
            why.failure == DecodeFailure::too_large
                ? why.reason
                : std::format("{} {}: {}", damaged ? "unreadable" : "unsupported", format_name(*format), why.reason)};
  }
}

Decoded try_load(const fs::path& path, const DecodeOptions& options) {
  std::string bytes;
  return try_load(path, options, bytes);
}

Decoded try_load(const fs::path& path, const DecodeOptions& options, std::string& bytes) {
  try {
    bytes = read_file(path, {.bytes = kMaxFileBytes});
  } catch (const Error& error) {
    std::string reason = error.what();
    const std::string name = path.string() + ": ";
    if (reason.starts_with(name)) reason.erase(0, name.size());
    return {std::nullopt, DecodeFailure::unreadable, reason};
  }
  return try_decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, options);
}

Image decode_image(ByteSpan bytes, const std::string& origin, const DecodeOptions& options) {
  Decoded decoded = try_decode(bytes, options);
  if (!decoded.image) fail("{}: {}", origin, decoded.reason);
  return std::move(*decoded.image);
}

Image load_image(const fs::path& path, const DecodeOptions& options) {
  Decoded decoded = try_load(path, options);
  if (!decoded.image) fail("{}: {}", path.string(), decoded.reason);
  return std::move(*decoded.image);
}

}  // namespace triage::data
