#include "measure/stages/images.h"

#include <cstring>

#include "core/error.h"
#include "preprocess/axis.h"

namespace triage::measure {
namespace {

// Of images of any size: kMagic, the number of images, of each its height, width and channels, then their pixels.
// Numbers are 32 bit, little-endian.
constexpr std::string_view kMagic = "TRIAGEIM";
constexpr std::size_t kNumber = 4, kShape = 3 * kNumber;

std::size_t bytes_of(const ImageView& image) {
  return static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) *
         static_cast<std::size_t>(image.channels);
}

void append_number(std::string& bytes, std::uint32_t number) {
  for (std::size_t i = 0; i < kNumber; ++i) bytes.push_back(static_cast<char>(number >> 8 * i & 0xff));
}

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < kNumber; ++i) number |= std::uint32_t{bytes[at + i]} << 8 * i;
  return number;
}

std::vector<ImageView> images_with_sizes(std::span<const std::uint8_t> bytes, const std::string& origin) {
  const std::size_t head = kMagic.size() + kNumber;
  if (bytes.size() < head || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    fail("{}: expected '{}' and sizes at its beginning, since the plan takes images of any size", origin, kMagic);
  const std::size_t count = number_at(bytes, kMagic.size());
  if (count == 0 || count > (bytes.size() - head) / kShape) {
    fail("{}: images: found {}, expected 1 to {}, for which there are sizes", origin, count,
         (bytes.size() - head) / kShape);
  }
  std::vector<ImageView> images(count);
  std::size_t pixels = head + count * kShape;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = head + i * kShape;
    const std::uint32_t height = number_at(bytes, at), width = number_at(bytes, at + kNumber),
                        channels = number_at(bytes, at + 2 * kNumber);
    constexpr std::uint32_t kMost = preprocess::kMaxImageSide;
    if (height < 1 || height > kMost || width < 1 || width > kMost || (channels != 1 && channels != 3)) {
      fail("{}: image {}: found {}x{}x{}, expected 1 to {} rows and columns of 1 or 3 channels", origin, i, height,
           width, channels, kMost);
    }
    images[i] = {bytes.data() + pixels, static_cast<int>(height), static_cast<int>(width), static_cast<int>(channels)};
    if (bytes_of(images[i]) > bytes.size() - pixels)
      fail("{}: image {}: found {} bytes, expected {}", origin, i, bytes.size() - pixels, bytes_of(images[i]));
    pixels += bytes_of(images[i]);
  }
  if (pixels != bytes.size()) fail("{}: found {} bytes, expected {}", origin, bytes.size(), pixels);
  return images;
}

}  // namespace

std::vector<ImageView> images_of_block(std::span<const std::uint8_t> pixels, const plan::InputShape& shape,
                                       const std::string& origin) {
  const ImageView first{pixels.data(), shape.height, shape.width, shape.channels};
  const std::size_t size = bytes_of(first);
  if (size == 0) fail("{}: found pixels without sizes, expected images of one size", origin);
  if (pixels.empty() || pixels.size() % size != 0) {
    fail("{}: {} bytes, expected a multiple of {} (an image of {}x{}x{})", origin, pixels.size(), size, shape.height,
         shape.width, shape.channels);
  }
  std::vector<ImageView> images(pixels.size() / size, first);
  for (std::size_t i = 0; i < images.size(); ++i) images[i].pixels += i * size;
  return images;
}

std::string image_file_bytes(Images images, const plan::InputShape& shape) {
  std::string bytes;
  if (shape.any_size()) {
    bytes = kMagic;
    append_number(bytes, static_cast<std::uint32_t>(images.size()));
    for (const ImageView& image : images) {
      for (const int number : {image.height, image.width, image.channels})
        append_number(bytes, static_cast<std::uint32_t>(number));
    }
  }
  for (const ImageView& image : images) bytes.append(image.pixels, image.pixels + bytes_of(image));
  return bytes;
}

ImageFile::ImageFile(const fs::path& file, const plan::InputShape& shape)
    : file_(file),
      images_(shape.any_size() ? images_with_sizes(file_.bytes(), file.string())
                               : images_of_block(file_.bytes(), shape, file.string())) {}

}  // namespace triage::measure
