// BMP: no library of Debian reads it from memory, all of its kinds, and refuses damage; those that do bring hundreds of
// packages (docs/design.md).
#include <bit>

#include "data/image/codec.h"

namespace triage::data {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::uint32_t kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6;

struct BmpHeader {
  std::uint32_t height = 0, width = 0, bits = 0, compression = kRgb;
  std::uint32_t masks[4] = {};  // red, green, blue, alpha
  bool top_down = false;
  std::size_t palette = 0, palette_entry = 4, palette_count = 0, pixels = 0;  // byte offsets, sizes
};

BmpHeader read_header(const ByteReader& reader) {
  BmpHeader header;
  const std::uint32_t size = reader.u32(kFileHeader);
  const bool core = size == 12;  // OS/2 1
  header.pixels = reader.u32(10);
  header.palette = kFileHeader + size;
  if (core) {
    header.width = reader.u16(18);
    header.height = reader.u16(20);
    header.bits = reader.u16(24);
    header.palette_entry = 3;
  } else {
    header.width = reader.u32(18);
    header.height = reader.u32(22);
    header.bits = reader.u16(28);
    if (size >= 20) header.compression = reader.u32(30);
    header.top_down = header.height >> 31 != 0;
    if (header.top_down) header.height = 0u - header.height;
  }
  if (header.compression == kBitFields || header.compression == kAlphaBitFields) {
    const bool inside = size >= 52;  // else they lie behind the header
    const int count = size >= 56 || (!inside && header.compression == kAlphaBitFields) ? 4 : 3;
    for (int i = 0; i < count; ++i) header.masks[i] = reader.u32(kFileHeader + 40 + 4 * static_cast<std::size_t>(i));
    if (!inside) header.palette += 4 * static_cast<std::size_t>(count);
  } else if (header.bits == 16) {
    header.masks[0] = 0x7c00, header.masks[1] = 0x3e0, header.masks[2] = 0x1f;
  } else if (header.bits == 32) {
    header.masks[0] = 0xff0000, header.masks[1] = 0xff00, header.masks[2] = 0xff;
  }
  if (header.bits <= 8) {
    header.palette_count = std::size_t{1} << header.bits;
    const std::uint32_t used = !core && size >= 40 ? reader.u32(46) : 0;
    if (used > 0 && used < header.palette_count) header.palette_count = used;
  }
  return header;
}

void check_header(const BmpHeader& header, std::uint32_t header_size) {
  const std::uint32_t bits = header.bits, how = header.compression;
  const bool plain = how == kRgb && (bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32);
  const bool fields = (how == kBitFields || how == kAlphaBitFields) && (bits == 16 || bits == 32);
  const bool runs = (how == kRle8 && bits == 8) || (how == kRle4 && bits == 4);
  if (header_size == 64 && how >= kBitFields) give_up(DecodeFailure::unsupported, "OS/2 compression {}", how);
  if (!plain && !fields && !runs) give_up(DecodeFailure::unsupported, "{} bits with compression {}", bits, how);
}

// A mask's bits of a value, scaled to 8 bits.
class MaskChannel {
 public:
  explicit MaskChannel(std::uint32_t mask) : mask_(mask), shift_(mask == 0 ? 0 : std::countr_zero(mask)) {}
  bool there() const { return mask_ != 0; }
  std::uint8_t of(std::uint32_t value) const {
    const std::uint64_t most = mask_ >> shift_;
    return most == 0 ? 0 : static_cast<std::uint8_t>(((value & mask_) >> shift_) * std::uint64_t{255} / most);
  }

 private:
  std::uint32_t mask_;
  int shift_;
};

// Run-length coded indices, rows from below. What is skipped stays index 0, as the format allows.
std::vector<std::uint8_t> read_runs(ByteSpan bytes, const BmpHeader& header) {
  const bool nibbles = header.compression == kRle4;
  const ByteReader reader(bytes, false);
  std::vector<std::uint8_t> indices(std::size_t{header.height} * header.width);
  std::uint64_t x = 0, y = 0;
  const auto put = [&](std::uint32_t index) {
    if (x < header.width && y < header.height) indices[y * header.width + x] = static_cast<std::uint8_t>(index);
    ++x;
  };
  const auto nibble = [](std::uint32_t byte, std::uint32_t i) { return i % 2 == 0 ? byte >> 4 : byte & 15; };
  for (std::size_t at = header.pixels;;) {
    if (at >= bytes.size() && y + 1 == header.height && x >= header.width) break;  // all there, but the end mark
    const std::uint32_t count = reader.u8(at), value = reader.u8(at + 1);
    at += 2;
    if (count > 0) {
      for (std::uint32_t i = 0; i < count; ++i) put(nibbles ? nibble(value, i) : value);
    } else if (value == 0) {  // the end of a row
      x = 0;
      ++y;
    } else if (value == 1) {  // the end of the image
      break;
    } else if (value == 2) {  // a jump
      x += reader.u8(at);
      y += reader.u8(at + 1);
      at += 2;
    } else {  // pixels as they are, padded to 16 bits
      for (std::uint32_t i = 0; i < value; ++i) {
        put(nibbles ? nibble(reader.u8(at + i / 2), i) : reader.u8(at + i));
      }
      const std::size_t used = nibbles ? (value + 1) / 2 : value;
      at += used + used % 2;
    }
  }
  return indices;
}

// Indices of up to 8 bits, rows from below unless top_down.
std::vector<std::uint8_t> read_indices(ByteSpan rows, std::size_t stride, const BmpHeader& header) {
  std::vector<std::uint8_t> indices;
  indices.reserve(std::size_t{header.height} * header.width);
  const std::uint32_t per_byte = 8 / header.bits, mask = (1u << header.bits) - 1;
  for (std::uint32_t y = 0; y < header.height; ++y) {
    for (std::uint32_t x = 0; x < header.width; ++x) {
      const std::uint32_t shift = 8 - header.bits - x % per_byte * header.bits;
      indices.push_back(static_cast<std::uint8_t>(rows[y * stride + x / per_byte] >> shift & mask));
    }
  }
  return indices;
}

// Grey where every entry of the palette that can be used is grey.
Image from_palette(ByteSpan bytes, const BmpHeader& header, const std::vector<std::uint8_t>& indices) {
  const ByteReader reader(bytes, false);
  std::uint8_t colours[256][3] = {};  // entries that are missing are black
  bool grey = true;
  for (std::size_t i = 0; i < header.palette_count; ++i) {
    const std::size_t at = header.palette + i * header.palette_entry;
    if (at + header.palette_entry > header.pixels) break;
    for (std::size_t c = 0; c < 3; ++c) colours[i][c] = static_cast<std::uint8_t>(reader.u8(at + 2 - c));
    grey = grey && colours[i][0] == colours[i][1] && colours[i][1] == colours[i][2];
  }
  Image image{static_cast<int>(header.height), static_cast<int>(header.width), grey ? 1 : 3, {}};
  image.pixels.reserve(indices.size() * image.channels);
  for (const std::uint8_t index : indices) {
    image.pixels.insert(image.pixels.end(), colours[index], colours[index] + image.channels);
  }
  return image;
}

Image from_masks(ByteSpan rows, std::size_t stride, const BmpHeader& header) {
  const ByteReader reader(rows, false);
  const MaskChannel channels[] = {MaskChannel(header.masks[0]), MaskChannel(header.masks[1]),
                                  MaskChannel(header.masks[2])};
  const MaskChannel alpha(header.masks[3]);
  Image image{static_cast<int>(header.height), static_cast<int>(header.width), 3, {}};
  image.pixels.reserve(std::size_t{header.height} * header.width * (alpha.there() ? 4 : 3));
  const std::size_t bytes_each = header.bits / 8;
  for (std::uint32_t y = 0; y < header.height; ++y) {
    for (std::uint32_t x = 0; x < header.width; ++x) {
      const std::size_t at = y * stride + x * bytes_each;
      if (bytes_each == 3) {
        image.pixels.insert(image.pixels.end(), {rows[at + 2], rows[at + 1], rows[at]});
        continue;
      }
      const std::uint32_t value = bytes_each == 2 ? reader.u16(at) : reader.u32(at);
      for (const MaskChannel& channel : channels) image.pixels.push_back(channel.of(value));
      if (alpha.there()) image.pixels.push_back(alpha.of(value));
    }
  }
  if (alpha.there()) image.pixels = compose_on_white(image.pixels, 3);
  return image;
}

void turn_upside_down(Image& image) {
  const std::size_t row = static_cast<std::size_t>(image.width) * image.channels;
  for (int top = 0, bottom = image.height - 1; top < bottom; ++top, --bottom) {
    std::swap_ranges(&image.pixels[top * row], &image.pixels[top * row] + row, &image.pixels[bottom * row]);
  }
}

}  // namespace

Raw decode_bmp(ByteSpan bytes, const DecodeOptions& options) {
  const ByteReader reader(bytes, false);
  const BmpHeader header = read_header(reader);
  check_header(header, reader.u32(kFileHeader));
  check_size(header.height, header.width, options);
  Raw raw;
  if (header.compression == kRle8 || header.compression == kRle4) {
    raw.image = from_palette(bytes, header, read_runs(bytes, header));
  } else {
    const std::uint64_t row_bits = std::uint64_t{header.width} * header.bits;
    const std::uint64_t stride = (row_bits + 31) / 32 * 4;  // the padding of the last row may be missing
    const std::uint64_t expected = stride * (header.height - 1) + (row_bits + 7) / 8;
    const std::uint64_t found = bytes.size() - std::min<std::uint64_t>(header.pixels, bytes.size());
    if (found < expected) {
      give_up(DecodeFailure::damaged, "the file ends early: {} bytes of pixels, expected {}", found, expected);
    }
    const ByteSpan rows = bytes.subspan(header.pixels);
    raw.image = header.bits <= 8 ? from_palette(bytes, header, read_indices(rows, stride, header))
                                 : from_masks(rows, stride, header);
  }
  if (!header.top_down) turn_upside_down(raw.image);
  return raw;
}

}  // namespace triage::data
