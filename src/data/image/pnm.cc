// Netpbm's formats P1 to P6: bits, grey and colour, in text or binary. No library of Debian reads them from memory and
// refuses damage (netpbm's own ends the process).
#include "data/image/codec.h"

namespace triage::data {
namespace {

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }

class PnmReader {
 public:
  explicit PnmReader(ByteSpan bytes) : bytes_(bytes) {}

  std::size_t at() const { return at_; }

  // The next number, after white space and comments.
  std::uint32_t number(std::uint32_t most) {
    skip_space();
    if (at_ == bytes_.size()) give_up(DecodeFailure::damaged, "the file ends early");
    if (!is_digit(bytes_[at_])) give_up(DecodeFailure::damaged, "byte {}: expected a number", at_);
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    while (at_ < bytes_.size() && is_digit(bytes_[at_])) {
      value = value * 10 + (bytes_[at_++] - '0');
      if (value > most) give_up(DecodeFailure::damaged, "byte {}: expected a number of at most {}", begin, most);
    }
    return static_cast<std::uint32_t>(value);
  }

  // One digit 0 or 1: P1 needs no space between them.
  std::uint8_t bit() {
    skip_space();
    if (at_ == bytes_.size()) give_up(DecodeFailure::damaged, "the file ends early");
    if (bytes_[at_] != '0' && bytes_[at_] != '1') give_up(DecodeFailure::damaged, "byte {}: expected 0 or 1", at_);
    return bytes_[at_++] - '0';
  }

  // Exactly one byte of white space parts the header from binary pixels.
  ByteSpan pixels(std::uint64_t count) {
    if (at_ == bytes_.size() || !is_space(bytes_[at_]))
      give_up(DecodeFailure::damaged, "byte {}: expected a space", at_);
    const ByteSpan rest = bytes_.subspan(at_ + 1);
    if (rest.size() < count) {
      give_up(DecodeFailure::damaged, "the file ends early: {} bytes of pixels, expected {}", rest.size(), count);
    }
    return rest.first(static_cast<std::size_t>(count));
  }

  void start() { at_ = 2; }

 private:
  void skip_space() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] == '#') {
        while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
      } else if (is_space(bytes_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  ByteSpan bytes_;
  std::size_t at_ = 0;
};

std::uint8_t scaled(std::uint32_t value, std::uint32_t most) {
  return static_cast<std::uint8_t>((std::min(value, most) * 255u + most / 2) / most);
}

void read_bits(PnmReader& reader, bool text, Image& image) {
  if (text) {
    for (std::uint8_t& pixel : image.pixels) pixel = reader.bit() != 0 ? 0 : 255;
    return;
  }
  const std::size_t width = static_cast<std::size_t>(image.width), row_bytes = (width + 7) / 8;
  const ByteSpan bytes = reader.pixels(std::uint64_t{row_bytes} * image.height);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t y = i / width, x = i % width;
    image.pixels[i] = (bytes[y * row_bytes + x / 8] >> (7 - x % 8) & 1) != 0 ? 0 : 255;
  }
}

}  // namespace

Raw decode_pnm(ByteSpan bytes, const DecodeOptions& options) {
  constexpr std::uint32_t kMaxSide = 1u << 30;
  const int kind = bytes[1] - '0';
  const bool text = kind <= 3, bits = kind == 1 || kind == 4, colour = kind == 3 || kind == 6;
  PnmReader reader(bytes);
  reader.start();
  const std::uint32_t width = reader.number(kMaxSide), height = reader.number(kMaxSide);
  const std::uint32_t most = bits ? 1 : reader.number(65535);
  check_size(height, width, options);
  if (most == 0) give_up(DecodeFailure::damaged, "a largest value of 0");
  Raw raw{{static_cast<int>(height), static_cast<int>(width), colour ? 3 : 1, {}}};
  const std::uint64_t samples = std::uint64_t{height} * width * raw.image.channels;
  const std::uint64_t least = bits && !text ? height * ((std::uint64_t{width} + 7) / 8) : samples;
  if (bytes.size() - reader.at() < least) give_up(DecodeFailure::damaged, "the file ends early");
  raw.image.pixels.resize(samples);
  if (bits) {
    read_bits(reader, text, raw.image);
  } else if (text) {
    for (std::uint8_t& pixel : raw.image.pixels) pixel = scaled(reader.number(most), most);
  } else {
    const std::size_t bytes_each = most > 255 ? 2 : 1;
    const ByteSpan values = reader.pixels(samples * bytes_each);
    for (std::size_t i = 0; i < samples; ++i) {
      const std::uint32_t value = bytes_each == 1 ? values[i] : values[2 * i] << 8 | values[2 * i + 1];
      raw.image.pixels[i] = scaled(value, most);
    }
  }
  return raw;
}

}  // namespace triage::data
