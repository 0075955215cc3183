#include "data/loader.h"

#include <array>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/rng.h"
#include "data/augment.h"

namespace triage::data {
namespace {

void check_indices(const Dataset& dataset, std::span<const std::uint32_t> indices) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= dataset.size()) {
      fail("{}: index {} at position {}, expected below {}", dataset.info().name, indices[i], i, dataset.size());
    }
  }
}

// Sizes the buffers, keeping what they have, and fills in labels and indices; pixels are the caller's.
void shape_batch(const Dataset& dataset, std::span<const std::uint32_t> indices, std::size_t image_bytes,
                 Batch& batch) {
  batch.size = static_cast<int>(indices.size());
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
  std::vector<std::array<std::uint64_t, 256>> counts(channels);  // exact, whatever the order
  for (const std::uint32_t index : indices) {
    const std::uint8_t* image = dataset.image(index);
    for (std::size_t i = 0; i < dataset.image_bytes(); i += channels) {
      for (std::size_t c = 0; c < channels; ++c) ++counts[c][image[i + c]];
    }
  }
  const std::size_t pixels = dataset.image_bytes() / channels;
  const auto n = static_cast<double>(indices.size() * pixels);
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
  const PixelPass pass;
  std::uint64_t per_epoch = 0;

  std::mutex mutex;
  std::condition_variable wake_maker, wake_taker;
  std::deque<Batch> ready;
  std::vector<Batch> spare;
  std::exception_ptr error;
  bool stop = false;
  std::thread thread;  // last: it uses all of the above

  Impl(const Dataset& data, std::vector<std::uint32_t> chosen, const Normalization& normalization,
       const LoaderOptions& wanted)
      : dataset(data),
        indices(std::move(chosen)),
        options(wanted),
        pass(data.info(), normalization, wanted.pixels, wanted.augment) {
    check_indices(dataset, indices);
    if (options.batch < 1 || static_cast<std::size_t>(options.batch) > indices.size()) {
      fail("{}: batch of {}, expected 1 to {} (the images of the split)", dataset.info().name, options.batch,
           indices.size());
    }
    if (options.prefetch < 1) fail("{}: prefetch {}, expected at least 1", dataset.info().name, options.prefetch);
    per_epoch = indices.size() / static_cast<std::size_t>(options.batch);
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake_maker.notify_all();
    if (thread.joinable()) thread.join();
  }

  void fill(std::uint64_t step, std::span<const std::uint32_t> order, Batch& batch) const {
    const std::uint64_t epoch = step / per_epoch;
    const auto size = static_cast<std::size_t>(options.batch);
    const auto positions = order.subspan(step % per_epoch * size, size);
    std::vector<std::uint32_t> chosen;
    chosen.reserve(size);
    for (const std::uint32_t position : positions) chosen.push_back(indices[position]);
    const std::size_t image_bytes = pass.output_bytes();
    shape_batch(dataset, chosen, image_bytes, batch);
    batch.step = step;
    const DatasetInfo& info = dataset.info();
    const std::uint64_t view = epoch_view(options, epoch);
    for (std::size_t i = 0; i < size; ++i) {
      const Draw draw = make_draw(options.augment, info.height, info.width, options.seed, view, chosen[i]);
      pass.augmented(dataset.image(chosen[i]), draw, batch.pixels.data() + i * image_bytes);
    }
  }

  void work(std::uint64_t step) {
    try {
      std::vector<std::uint32_t> order;
      for (bool first = true;; first = false, ++step) {
        if (first || step % per_epoch == 0) {
          order = epoch_order(indices.size(), options, step / per_epoch);
        }
        Batch batch;
        {
          std::unique_lock lock(mutex);
          wake_maker.wait(lock, [&] { return stop || ready.size() < static_cast<std::size_t>(options.prefetch); });
          if (stop) return;
          if (!spare.empty()) {
            batch = std::move(spare.back());
            spare.pop_back();
          }
        }
        fill(step, order, batch);
        {
          const std::lock_guard lock(mutex);
          ready.push_back(std::move(batch));
        }
        wake_taker.notify_one();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      wake_taker.notify_one();
    }
  }
};

TrainLoader::TrainLoader(const Dataset& dataset, std::vector<std::uint32_t> indices, const Normalization& normalization,
                         LoaderOptions options, std::uint64_t first_step)
    : impl_(std::make_unique<Impl>(dataset, std::move(indices), normalization, options)) {
  impl_->thread = std::thread([impl = impl_.get(), first_step] { impl->work(first_step); });
}

TrainLoader::~TrainLoader() = default;

std::uint64_t TrainLoader::steps_per_epoch() const { return impl_->per_epoch; }

Batch TrainLoader::next() {
  Batch batch;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->wake_taker.wait(lock, [&] { return !impl_->ready.empty() || impl_->error; });
    if (impl_->ready.empty()) std::rethrow_exception(impl_->error);
    batch = std::move(impl_->ready.front());
    impl_->ready.pop_front();
  }
  impl_->wake_maker.notify_one();
  return batch;
}

void TrainLoader::recycle(Batch&& batch) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->spare.size() <= static_cast<std::size_t>(impl_->options.prefetch))
    impl_->spare.push_back(std::move(batch));
}

Batch make_eval_batch(const Dataset& dataset, std::span<const std::uint32_t> indices,
                      const Normalization& normalization, PixelType pixels) {
  AugmentOptions none;
  none.shift = 0;
  none.flip = false;
  const PixelPass pass(dataset.info(), normalization, pixels, none);
  check_indices(dataset, indices);
  Batch batch;
  shape_batch(dataset, indices, pass.output_bytes(), batch);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    pass.plain(dataset.image(indices[i]), batch.pixels.data() + i * pass.output_bytes());
  }
  return batch;
}

}  // namespace triage::data
