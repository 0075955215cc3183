#include "data/loader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/rng.h"
#include "data/augment.h"
#include "data/image/in_order.h"
#include "data/pixel_ops.h"

namespace triage::data {
namespace {

constexpr std::size_t kMeasuredImages = 10'000;

void check_indices(const Dataset& dataset, std::span<const std::uint32_t> indices) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= dataset.size()) {
      fail("{}: index {} at position {}, expected below {}", dataset.info().name, indices[i], i, dataset.size());
    }
  }
}

// Sizes the buffers, keeping what they have, and fills in labels and indices; pixels are the caller's. info: of the
// images as they are put out.
void shape_batch(const Dataset& dataset, const DatasetInfo& info, std::span<const std::uint32_t> indices,
                 std::size_t image_bytes, Batch& batch) {
  batch.size = static_cast<int>(indices.size());
  batch.height = info.height;
  batch.width = info.width;
  batch.channels = info.channels;
  batch.pixels.resize(indices.size() * image_bytes);
  batch.labels.resize(indices.size());
  batch.indices.assign(indices.begin(), indices.end());
  for (std::size_t i = 0; i < indices.size(); ++i) batch.labels[i] = dataset.label(indices[i]);
}

}  // namespace

Normalization measure_normalization(const Dataset& dataset, std::span<const std::uint32_t> indices) {
  const auto channels = static_cast<std::size_t>(dataset.info().channels);
  if (indices.empty()) fail("{}: no images to measure the normalisation of", dataset.info().name);
  check_indices(dataset, indices);
  const std::size_t images = dataset.encoded() ? std::min(indices.size(), kMeasuredImages) : indices.size();
  std::vector<std::array<std::uint64_t, 256>> counts(channels);  // exact, whatever the order
  std::uint64_t pixels = 0;
  Image storage;
  for (std::size_t k = 0; k < images; ++k) {
    const ImageView image = dataset.view(indices[k * indices.size() / images], storage);
    const std::size_t values = static_cast<std::size_t>(image.height) * image.width * channels;
    pixels += values / channels;
    for (std::size_t i = 0; i < values; i += channels) {
      for (std::size_t c = 0; c < channels; ++c) ++counts[c][image.pixels[i + c]];
    }
  }
  const auto n = static_cast<double>(pixels);
  Normalization result;
  for (const auto& count : counts) {
    double sum = 0, squares = 0;
    for (int v = 0; v < 256; ++v) sum += v / 255.0 * static_cast<double>(count[v]);
    for (int v = 0; v < 256; ++v) squares += std::pow(v / 255.0 - sum / n, 2) * static_cast<double>(count[v]);
    result.mean.push_back(static_cast<float>(sum / n));
    const auto stddev = static_cast<float>(std::sqrt(squares / n));
    result.stddev.push_back(stddev > 0 ? stddev : 1.0f);
  }
  return result;
}

struct TrainLoader::Impl {
  const Dataset& dataset;
  const std::vector<std::uint32_t> indices;
  const LoaderOptions options;
  const SizedImages images;
  const PixelOps ops;
  const PixelPass pass;
  std::uint64_t per_epoch = 0, next_step = 0;
  std::size_t part = 0;  // images of each batch

  std::mutex mutex;
  std::vector<Batch> spare;
  std::optional<ResultRing<Batch>> ring;
  std::vector<std::jthread> workers;  // last: they use all of the above

  Impl(const Dataset& data, std::vector<std::uint32_t> chosen, const Normalization& normalization,
       const LoaderOptions& wanted, std::uint64_t first_step)
      : dataset(data),
        indices(std::move(chosen)),
        options(wanted),
        images(data, wanted.size),
        ops(images.info(), normalization, wanted.augment),
        pass(images.info(), normalization, wanted.pixels, wanted.augment),
        next_step(first_step) {
    const std::string& name = dataset.info().name;
    check_indices(dataset, indices);
    if (options.batch < 1 || static_cast<std::size_t>(options.batch) > indices.size()) {
      fail("{}: batch of {}, expected 1 to {} (the images of the split)", name, options.batch, indices.size());
    }
    part = static_cast<std::size_t>(options.count > 0 ? options.count : options.batch);
    if (options.first < 0 || static_cast<std::size_t>(options.first) + part > static_cast<std::size_t>(options.batch))
      fail("{}: {} images of a batch from {} on, expected those of 0 to {}", name, part, options.first, options.batch);
    if (options.prefetch < 1) fail("{}: prefetch {}, expected at least 1", name, options.prefetch);
    if (options.threads < 1) fail("{}: threads {}, expected at least 1", name, options.threads);
    if (dataset.encoded() && options.augment.crop_area < 1)
      fail("{}: crop_area {}, expected 1: encoded images are cropped as they are decoded (SizeOptions::min_area)", name,
           options.augment.crop_area);
    per_epoch = indices.size() / static_cast<std::size_t>(options.batch);
    ring.emplace(first_step, std::numeric_limits<std::size_t>::max(), static_cast<std::size_t>(options.prefetch));
    for (int i = 0; i < options.threads; ++i) workers.emplace_back([this] { work(); });
  }

  ~Impl() { ring->stop(); }

  struct Scratch {  // of one worker
    Image image;
    std::vector<std::uint8_t> changed, bytes, mixed;  // bytes: of a batch and one more image, before mixing
  };

  void fill(std::uint64_t step, std::span<const std::uint32_t> order, Batch& batch, Scratch& scratch) const {
    const std::uint64_t epoch = step / per_epoch;
    const auto size = static_cast<std::size_t>(options.batch);
    const auto all = order.subspan(step % per_epoch * size, size);
    const auto positions = all.subspan(static_cast<std::size_t>(options.first), part);
    const std::uint32_t after = all[(static_cast<std::size_t>(options.first) + part) % size];
    std::vector<std::uint32_t> chosen;
    chosen.reserve(part);
    for (const std::uint32_t position : positions) chosen.push_back(indices[position]);
    const std::size_t image_bytes = pass.output_bytes();
    shape_batch(dataset, images.info(), chosen, image_bytes, batch);
    batch.step = step;
    const DatasetInfo& info = images.info();
    const std::uint64_t view = epoch_view(options, epoch);
    const auto changed = [&](std::uint32_t index, const Draw& draw) {
      return ops(images.random(index, options.seed, view, scratch.image), draw, scratch.changed);
    };
    const auto draw_of = [&](std::uint32_t index) {
      return make_draw(options.augment, info.height, info.width, options.seed, view, index);
    };
    batch.shares.clear();
    batch.partners.clear();
    if (epoch_mixes(options, epoch)) {
      chosen.push_back(indices[after]);  // that the last one is mixed with
      const std::size_t values = static_cast<std::size_t>(info.height) * info.width * info.channels;
      scratch.bytes.resize(chosen.size() * values);
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        const Draw draw = draw_of(chosen[i]);
        pass.shifted(changed(chosen[i], draw), draw, &scratch.bytes[i * values]);
      }
      mix(epoch, chosen, values, draw_of, scratch, batch);
      return;
    }
    for (std::size_t i = 0; i < part; ++i) {
      const Draw draw = draw_of(chosen[i]);
      pass.augmented(changed(chosen[i], draw), draw, batch.pixels.data() + i * image_bytes);
    }
  }

  // Each of the chosen images but the last with the next one.
  void mix(std::uint64_t epoch, std::span<const std::uint32_t> chosen, std::size_t values, const auto& draw_of,
           Scratch& scratch, Batch& batch) const {
    const DatasetInfo& info = images.info();
    scratch.mixed.resize(values);
    for (std::size_t i = 0; i + 1 < chosen.size(); ++i) {
      Draw draw = draw_of(chosen[i]);
      mix_draw(draw, options.augment, info.height, info.width, options.seed, epoch, chosen[i]);
      const std::uint8_t* const own = &scratch.bytes[i * values];
      mix_pixels(own, own + values, draw, info.height, info.width, info.channels, scratch.mixed.data());
      pass.finished(scratch.mixed.data(), draw, batch.pixels.data() + i * pass.output_bytes());
      batch.shares.push_back(static_cast<float>(draw.share) / kOne);
      batch.partners.push_back(dataset.label(chosen[i + 1]));
    }
  }

  Batch used() {
    const std::lock_guard lock(mutex);
    if (spare.empty()) return {};
    Batch batch = std::move(spare.back());
    spare.pop_back();
    return batch;
  }

  void work() {
    try {
      std::vector<std::uint32_t> order;
      std::optional<std::uint64_t> order_of;
      Scratch scratch;
      while (const std::optional<std::size_t> step = ring->next()) {
        if (const std::uint64_t epoch = *step / per_epoch; order_of != epoch) {
          order = epoch_order(indices.size(), options, epoch);
          order_of = epoch;
        }
        Batch batch = used();
        fill(*step, order, batch, scratch);
        ring->put(*step, std::move(batch));
      }
    } catch (...) {
      ring->fail(std::current_exception());
    }
  }
};

TrainLoader::TrainLoader(const Dataset& dataset, std::vector<std::uint32_t> indices, const Normalization& normalization,
                         LoaderOptions options, std::uint64_t first_step)
    : impl_(std::make_unique<Impl>(dataset, std::move(indices), normalization, options, first_step)) {}

TrainLoader::~TrainLoader() = default;

std::uint64_t TrainLoader::steps_per_epoch() const { return impl_->per_epoch; }

Batch TrainLoader::next() { return impl_->ring->take(impl_->next_step++); }

void TrainLoader::recycle(Batch&& batch) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->spare.size() <= static_cast<std::size_t>(impl_->options.prefetch))
    impl_->spare.push_back(std::move(batch));
}

Batch make_eval_batch(const Dataset& dataset, std::span<const std::uint32_t> indices,
                      const Normalization& normalization, PixelType pixels, const SizeOptions& size) {
  AugmentOptions none;
  none.shift = 0;
  none.flip = false;
  SizeOptions once = size;
  once.cache_bytes = 0;
  const SizedImages images(dataset, once);
  const PixelPass pass(images.info(), normalization, pixels, none);
  check_indices(dataset, indices);
  Batch batch;
  shape_batch(dataset, images.info(), indices, pass.output_bytes(), batch);
  SizedScratch scratch;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    pass.plain(images.centre(indices[i], scratch), batch.pixels.data() + i * pass.output_bytes());
  }
  return batch;
}

}  // namespace triage::data
