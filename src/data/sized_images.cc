#include "data/sized_images.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "data/image/resize.h"
#include "data/store/dataset_format.h"
#include "preprocess/network_input.h"

namespace triage::data {
namespace {

constexpr double kAspect = 4.0 / 3;
constexpr int kTries = 10;

// Of the largest part with the output's aspect ratio.
Crop largest(int height, int width, const SizeOptions& size) {
  const double scale = std::min(static_cast<double>(height) / size.height, static_cast<double>(width) / size.width);
  const auto side = [&](int wanted, int most) {
    return std::clamp(static_cast<int>(std::lround(wanted * scale)), 1, most);
  };
  return {0, 0, side(size.height, height), side(size.width, width)};
}

int place(Rng& rng, int room) { return static_cast<int>(rng.below(static_cast<std::uint32_t>(room) + 1)); }

}  // namespace

Crop centre_crop(int height, int width, const SizeOptions& size) {
  Crop crop = largest(height, width, size);
  crop.top = (height - crop.height) / 2;
  crop.left = (width - crop.width) / 2;
  return crop;
}

Crop random_crop(int height, int width, const SizeOptions& size, std::uint64_t seed, std::uint64_t epoch,
                 std::uint32_t index) {
  Rng rng(derive_seed(derive_seed(seed, "crop", epoch), "image", index));
  if (size.min_area < 1) {
    const double area = static_cast<double>(height) * width, ratio = static_cast<double>(size.width) / size.height;
    for (int i = 0; i < kTries; ++i) {
      const double part = area * (size.min_area + (1 - size.min_area) * rng.uniform());
      const double aspect = ratio * std::pow(kAspect, 2 * rng.uniform() - 1);
      const auto h = static_cast<int>(std::lround(std::sqrt(part / aspect)));
      const auto w = static_cast<int>(std::lround(std::sqrt(part * aspect)));
      if (h < 1 || w < 1 || h > height || w > width) continue;
      const int top = place(rng, height - h);
      return {top, place(rng, width - w), h, w};
    }
    return centre_crop(height, width, size);
  }
  Crop crop = largest(height, width, size);
  crop.top = place(rng, height - crop.height);
  crop.left = place(rng, width - crop.width);
  return crop;
}

SizedImages::SizedImages(const Dataset& dataset, const SizeOptions& size)
    : dataset_(dataset), size_(size), info_(dataset.info()) {
  const bool given = size_.height != 0 || size_.width != 0;
  if (!given) dataset.require_raw();
  if (!given) size_.height = info_.height;
  if (!given) size_.width = info_.width;
  if (size_.height < 1 || size_.width < 1 || size_.height > kMaxImageSide || size_.width > kMaxImageSide) {
    fail("{}: images wanted of {}x{}, expected sides of 1 to {}", info_.name, size_.height, size_.width, kMaxImageSide);
  }
  if (!(size_.min_area > 0 && size_.min_area <= 1)) {
    fail("{}: crops of at least {} of the image's area, expected above 0, at most 1", info_.name, size_.min_area);
  }
  as_they_are_ = !info_.encoded && info_.height == size_.height && info_.width == size_.width;
  info_.height = size_.height;
  info_.width = size_.width;
  if (!info_.encoded && !as_they_are_) {
    preprocess::Preprocess spec = preprocess::squashed_preprocess(
        {.height = size_.height, .width = size_.width, .channels = info_.channels, .layout = preprocess::Layout::nhwc});
    spec.scale = 1;
    squash_.emplace(spec);
  }
  if (info_.encoded && size_.cache_bytes > 0) kept_ = std::make_unique<std::atomic<const Image*>[]>(dataset.size());
}

SizedImages::~SizedImages() {
  for (std::uint32_t i = 0; kept_ && i < dataset_.size(); ++i) delete kept_[i].load(std::memory_order_relaxed);
}

const Image& SizedImages::decoded(std::uint32_t index, Image& storage) const {
  const Image* known = kept_ ? kept_[index].load(std::memory_order_acquire) : nullptr;
  if (known != nullptr) return *known;
  dataset_.decode(index, size_.height, size_.width, storage);
  if (!kept_) return storage;
  const std::uint64_t bytes = storage.pixels.size() + sizeof(Image);
  if (kept_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > size_.cache_bytes) {
    kept_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return storage;
  }
  auto kept = std::make_unique<const Image>(std::move(storage));
  if (kept_[index].compare_exchange_strong(known, kept.get(), std::memory_order_acq_rel)) return *kept.release();
  kept_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // another thread was faster
  return *known;
}

template <class Choose>
const std::uint8_t* SizedImages::cut(std::uint32_t index, const Choose& choose, Image& storage) const {
  if (as_they_are_) return dataset_.image(index);
  ImageView view;
  if (info_.encoded) {
    const Image& image = decoded(index, storage);
    view = {image.pixels.data(), image.height, image.width, image.channels};
  } else {
    view = dataset_.view(index, storage);
  }
  const Crop crop = choose(view.height, view.width);
  const std::size_t row = static_cast<std::size_t>(view.width) * view.channels;
  const std::uint8_t* first = view.pixels + crop.top * row + static_cast<std::size_t>(crop.left) * view.channels;
  storage = resize(PixelRows{first, row, crop.height, crop.width, view.channels}, size_.height, size_.width);
  return storage.pixels.data();
}

const std::uint8_t* SizedImages::squashed(std::uint32_t index, SizedScratch& scratch) const {
  scratch.levels.resize(squash_->elements());
  squash_->run(dataset_.view(index, scratch.image), scratch.levels.data(), scratch.resizing);
  std::vector<std::uint8_t>& pixels = scratch.image.pixels;
  pixels.resize(scratch.levels.size());
  std::ranges::transform(scratch.levels, pixels.begin(), [](float level) { return static_cast<std::uint8_t>(level); });
  return pixels.data();
}

const std::uint8_t* SizedImages::centre(std::uint32_t index, SizedScratch& scratch) const {
  if (squash_) return squashed(index, scratch);
  return cut(index, [&](int height, int width) { return centre_crop(height, width, size_); }, scratch.image);
}

const std::uint8_t* SizedImages::random(std::uint32_t index, std::uint64_t seed, std::uint64_t epoch,
                                        Image& storage) const {
  const auto choose = [&](int height, int width) { return random_crop(height, width, size_, seed, epoch, index); };
  return cut(index, choose, storage);
}

}  // namespace triage::data
