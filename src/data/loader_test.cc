#include "data/loader.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "data/augment.h"
#include "data/data_test_support.h"

namespace triage::data {
namespace {

std::vector<std::uint32_t> first(std::uint32_t count) {
  std::vector<std::uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0u);
  return indices;
}

Normalization simple(int channels) {
  Normalization n;
  for (int c = 0; c < channels; ++c) {
    n.mean.push_back(0.4f + 0.05f * static_cast<float>(c));
    n.stddev.push_back(0.2f + 0.1f * static_cast<float>(c));
  }
  return n;
}

std::vector<float> floats(const Bytes& bytes) {
  std::vector<float> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

bool same(const Batch& a, const Batch& b) {
  return a.step == b.step && a.size == b.size && a.pixels == b.pixels && a.labels == b.labels && a.indices == b.indices;
}

class LoaderTest : public ::testing::Test {
 protected:
  TempDir dir_;
  Dataset dataset_ = stored(small_raw(3, 10, 3, 8), dir_ / "a.tds");
};

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(to_bf16(-2.0f), 0xc000);
  EXPECT_EQ(to_bf16(1.0f + 0x1p-8f), 0x3f80);             // half way: down to even
  EXPECT_EQ(to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);         // half way: up to even
  EXPECT_EQ(to_bf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3f81);  // just above half way
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::infinity()), 0x7f80);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::quiet_NaN()) & 0x7fff, 0x7fc0);
}

TEST_F(LoaderTest, NormalizationMatchesAPlainSum) {
  const auto indices = std::vector<std::uint32_t>{1, 4, 7, 29};
  const Normalization n = measure_normalization(dataset_, indices);
  for (std::size_t c = 0; c < 3; ++c) {
    double sum = 0, squares = 0, count = 0;
    for (const std::uint32_t index : indices) {
      for (std::size_t i = c; i < dataset_.image_bytes(); i += 3, ++count) {
        const double x = dataset_.image(index)[i] / 255.0;
        sum += x;
        squares += x * x;
      }
    }
    EXPECT_NEAR(n.mean[c], sum / count, 1e-6);
    EXPECT_NEAR(n.stddev[c], std::sqrt(squares / count - std::pow(sum / count, 2)), 1e-6);
  }
}

TEST_F(LoaderTest, EvalBatchesAreNormalisedInOrder) {
  const Normalization n = simple(3);
  const std::vector<std::uint32_t> indices = {5, 2, 31};
  const Batch batch = make_eval_batch(dataset_, indices, n, PixelType::fp32);
  EXPECT_EQ(batch.size, 3);
  EXPECT_EQ(batch.indices, indices);
  EXPECT_EQ(batch.labels, (std::vector<std::int64_t>{2, 2, 1}));
  const auto values = floats(batch.pixels);
  ASSERT_EQ(values.size(), 3 * dataset_.image_bytes());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float byte = dataset_.image(indices[i / dataset_.image_bytes()])[i % dataset_.image_bytes()];
    EXPECT_NEAR(values[i], (byte / 255 - n.mean[i % 3]) / n.stddev[i % 3], 1e-6);
  }
  const Batch half = make_eval_batch(dataset_, indices, n, PixelType::bf16);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, &half.pixels[2 * i], 2);
    ASSERT_EQ(bits, to_bf16(values[i]));
  }
}

// The fast path against the definition: reflect, then mirror, then cut out, pixel by pixel.
TEST_F(LoaderTest, AugmentationMatchesItsDefinition) {
  for (const int channels : {1, 3}) {
    const Dataset dataset = stored(small_raw(2, 2, channels, 9), dir_ / "b.tds");
    const Normalization n = simple(channels);
    AugmentOptions options;
    options.shift = 3;
    options.cutout = 4;
    const PixelPass pass(dataset.info(), n, PixelType::fp32, options);
    Bytes out(pass.output_bytes()), plain(pass.output_bytes());
    pass.plain(dataset.image(1), plain.data());
    const auto input = floats(plain);
    const auto reflect = [](int i) { return i < 0 ? -i : i > 8 ? 16 - i : i; };
    for (const Draw& draw : {Draw{-3, 2, false, 0, 8}, Draw{1, -3, true, 4, 4}, Draw{3, 3, true, 8, 0}, Draw{}}) {
      pass.augmented(dataset.image(1), draw, out.data());
      const auto values = floats(out);
      for (int y = 0; y < 9; ++y) {
        for (int x = 0; x < 9; ++x) {
          const bool cut = y >= draw.cut_y - 2 && y < draw.cut_y + 2 && x >= draw.cut_x - 2 && x < draw.cut_x + 2;
          const int from_y = reflect(y + draw.shift_y), from_x = reflect((draw.flip ? 8 - x : x) + draw.shift_x);
          for (int c = 0; c < channels; ++c) {
            ASSERT_EQ(values[(y * 9 + x) * channels + c], cut ? 0.0f : input[(from_y * 9 + from_x) * channels + c])
                << y << ' ' << x << ' ' << c;
          }
        }
      }
    }
  }
}

TEST(Draws, CoverTheirRangesAndFlipAlternates) {
  AugmentOptions options;
  options.cutout = 4;
  std::set<std::pair<int, int>> shifts, cuts;
  int flips = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const Draw draw = make_draw(options, 8, 8, 1, 6, i);
    shifts.insert({draw.shift_y, draw.shift_x});
    cuts.insert({draw.cut_y, draw.cut_x});
    flips += draw.flip;
    EXPECT_NE(draw.flip, make_draw(options, 8, 8, 1, 7, i).flip);
  }
  EXPECT_EQ(shifts.size(), 25u);
  EXPECT_EQ(shifts.begin()->first, -2);
  EXPECT_EQ(cuts.size(), 64u);
  EXPECT_NEAR(flips, 1000, 100);  // 4.5 standard deviations
}

TEST_F(LoaderTest, EachEpochVisitsEveryImageOnceInAnotherOrder) {
  LoaderOptions options;
  options.batch = 6;
  TrainLoader loader(dataset_, first(30), simple(3), options, 0);
  ASSERT_EQ(loader.steps_per_epoch(), 5u);
  std::vector<std::vector<std::uint32_t>> epochs(2);
  for (std::uint64_t step = 0; step < 10; ++step) {
    Batch batch = loader.next();
    EXPECT_EQ(batch.step, step);
    EXPECT_EQ(batch.pixels.size(), 6u * 8 * 8 * 3 * 2);
    for (int i = 0; i < batch.size; ++i) EXPECT_EQ(batch.labels[i], dataset_.label(batch.indices[i]));
    epochs[step / 5].insert(epochs[step / 5].end(), batch.indices.begin(), batch.indices.end());
    loader.recycle(std::move(batch));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto& epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    EXPECT_EQ(epoch, first(30));
  }
}

TEST_F(LoaderTest, ALoaderOpenedAtAnyStepYieldsTheSameBytes) {
  for (const PixelType type : {PixelType::bf16, PixelType::fp32}) {
    LoaderOptions options;
    options.batch = 7;  // 2 of 30 images are left over in each epoch
    options.pixels = type;
    options.augment.cutout = 3;
    TrainLoader whole(dataset_, first(30), simple(3), options, 0);
    std::vector<Batch> batches;
    for (int step = 0; step < 14; ++step) batches.push_back(whole.next());
    for (const std::uint64_t start : {1u, 3u, 4u, 9u, 13u}) {
      options.prefetch = static_cast<int>(1 + start % 3);
      TrainLoader resumed(dataset_, first(30), simple(3), options, start);
      for (std::uint64_t step = start; step < 14; ++step) {
        Batch batch = resumed.next();
        EXPECT_TRUE(same(batch, batches[step])) << start << " " << step;
        if (step % 2) resumed.recycle(std::move(batch));
      }
    }
    options.seed = 2;
    TrainLoader other(dataset_, first(30), simple(3), options, 0);
    EXPECT_FALSE(same(other.next(), batches[0]));
  }
}

TEST_F(LoaderTest, ViewsRepeatTheAugmentationButNotTheOrder) {
  LoaderOptions options;
  options.batch = 6;
  options.views = 2;
  TrainLoader loader(dataset_, first(30), simple(3), options, 0);
  std::vector<std::map<std::uint32_t, std::vector<std::uint8_t>>> epochs(4);  // image -> its pixels in that epoch
  std::vector<std::vector<std::uint32_t>> orders(4);
  for (std::size_t step = 0; step < 20; ++step) {
    const Batch batch = loader.next();
    const std::size_t bytes = batch.pixels.size() / batch.size;
    for (int i = 0; i < batch.size; ++i) {
      const auto begin = batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * bytes);
      epochs[step / 5][batch.indices[i]].assign(begin, begin + static_cast<std::ptrdiff_t>(bytes));
      orders[step / 5].push_back(batch.indices[i]);
    }
  }
  EXPECT_EQ(epochs[0], epochs[2]);
  EXPECT_EQ(epochs[1], epochs[3]);
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(orders[0], orders[2]);
}

// Every part of augmentation at once; the last two epochs of four are not mixed.
TEST_F(LoaderTest, WhatIsDrawnDependsOnSeedAndStepAlone) {
  const Dataset dataset = stored(small_raw(3, 10, 3, 8), dir_ / "a.tds");
  LoaderOptions options;
  options.batch = 7;
  options.views = 2;
  options.mixed_epochs = 2;
  options.augment = {.shift = 1,
                     .cutout = 2,
                     .crop_area = 0.4,
                     .trivial_augment = 0.9,
                     .brightness = 0.3,
                     .contrast = 0.3,
                     .saturation = 0.3,
                     .erase = 0.5,
                     .mixup = 0.3,
                     .cutmix = 1,
                     .clean_epochs = 2};
  TrainLoader whole(dataset, first(30), simple(3), options, 0);
  std::vector<Batch> batches;
  for (int step = 0; step < 16; ++step) batches.push_back(whole.next());
  for (int step = 0; step < 16; ++step) EXPECT_EQ(batches[step].shares.size(), step < 8 ? 7u : 0u) << step;
  EXPECT_NE(batches[0].shares, batches[4].shares);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(batches[1].partners[i], batches[1].labels[(i + 1) % 7]);
  for (const float share : batches[1].shares) EXPECT_TRUE(share >= 0 && share <= 1) << share;
  options.threads = 3;
  for (const std::uint64_t start : {0u, 5u, 9u}) {
    TrainLoader resumed(dataset, first(30), simple(3), options, start);
    for (std::uint64_t step = start; step < 16; ++step) {
      Batch batch = resumed.next();
      EXPECT_TRUE(same(batch, batches[step])) << start << " " << step;
      EXPECT_EQ(batch.shares, batches[step].shares);
      EXPECT_EQ(batch.partners, batches[step].partners);
      resumed.recycle(std::move(batch));
    }
  }
}

// Of any number of threads, cached images or not.
TEST_F(LoaderTest, BatchesOfEncodedImagesAreAFunctionOfSeedAndStep) {
  const Dataset encoded = stored_encoded(encoded_files(30), 3, dir_ / "e.tds");
  LoaderOptions options;
  options.batch = 7;
  options.size = {.height = 4, .width = 6};
  options.augment.shift = 1;
  TrainLoader whole(encoded, first(20), simple(3), options, 0);
  std::vector<Batch> batches;
  for (int step = 0; step < 9; ++step) batches.push_back(whole.next());
  EXPECT_EQ(batches[0].pixels.size(), 7u * 4 * 6 * 3 * 2);
  EXPECT_NE(batches[0].pixels, batches[2].pixels);
  options.threads = 3;
  for (const std::uint64_t start : {0u, 3u, 8u}) {
    options.prefetch = static_cast<int>(1 + start);
    options.size.cache_bytes = start * 100;
    TrainLoader resumed(encoded, first(20), simple(3), options, start);
    for (std::uint64_t step = start; step < 9; ++step) {
      Batch batch = resumed.next();
      EXPECT_TRUE(same(batch, batches[step])) << start << " " << step;
      if (step % 2) resumed.recycle(std::move(batch));
    }
  }
}

TEST_F(LoaderTest, EvalBatchesOfEncodedImagesAreTheirMiddles) {
  const Dataset encoded = stored_encoded(encoded_files(9), 3, dir_ / "e.tds");
  const std::vector<std::uint32_t> indices = {5, 2};
  const Batch batch = make_eval_batch(encoded, indices, simple(3), PixelType::fp32, {.height = 4, .width = 4});
  const SizedImages images(encoded, {.height = 4, .width = 4});
  const auto values = floats(batch.pixels);
  ASSERT_EQ(values.size(), 2u * 4 * 4 * 3);
  const Normalization n = simple(3);
  SizedScratch scratch;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint8_t* pixels = images.centre(indices[i], scratch);
    for (std::size_t v = 0; v < 48; ++v) {
      EXPECT_NEAR(values[i * 48 + v], (pixels[v] / 255.0f - n.mean[v % 3]) / n.stddev[v % 3], 1e-6);
    }
  }
  EXPECT_THAT(error_of([&] { make_eval_batch(encoded, indices, n, PixelType::fp32); }),
              HasSubstr("photos: its images are kept encoded"));
}

TEST_F(LoaderTest, NormalizationOfEncodedImagesIsOfTheirPixels) {
  const Dataset encoded = stored_encoded(encoded_files(9), 3, dir_ / "e.tds");
  const Normalization n = measure_normalization(encoded, std::vector<std::uint32_t>{3, 4});
  double sum = 0, count = 0;
  Image storage;
  for (const std::uint32_t index : {3u, 4u}) {
    const ImageView view = encoded.view(index, storage);
    for (int i = 1; i < view.height * view.width * 3; i += 3, ++count) sum += view.pixels[i] / 255.0;
  }
  EXPECT_NEAR(n.mean[1], sum / count, 1e-6);
}

TEST_F(LoaderTest, AnImageThatCannotBeDecodedIsNamed) {
  std::vector<Bytes> files = encoded_files(9);
  files[4].resize(files[4].size() / 2);
  const Dataset encoded = stored_encoded(files, 3, dir_ / "e.tds");
  LoaderOptions options;
  options.batch = 6;
  options.threads = 2;
  options.size = {.height = 4, .width = 4};
  options.augment.shift = 0;
  TrainLoader loader(encoded, first(6), simple(3), options, 0);
  EXPECT_THAT(error_of([&] { loader.next(); }), HasSubstr("photos: image 4: unreadable PNG"));
}

TEST_F(LoaderTest, BadOptionsAreErrors) {
  const auto error = [&](LoaderOptions options, const Normalization& n, std::uint32_t count = 30) {
    return error_of([&] { TrainLoader(dataset_, first(count), n, options, 0); });
  };
  LoaderOptions options;
  EXPECT_EQ(error(options, simple(3)), "small: batch of 512, expected 1 to 30 (the images of the split)");
  options.batch = 4;
  EXPECT_EQ(error(options, simple(1)), "small: normalisation with 1 means and 1 deviations, expected 3 of each");
  Normalization flat = simple(3);
  flat.stddev[1] = 0;
  EXPECT_THAT(error(options, flat), HasSubstr("normalisation of channel 1 with mean 0.45 and deviation 0, expected"));
  EXPECT_EQ(error(options, simple(3), 61), "small: index 60 at position 60, expected below 60");
  options.augment.shift = 8;
  EXPECT_EQ(error(options, simple(3)), "small: augmentation shift 8, expected 0 to 7 for images of 8x8");
  options.augment.shift = 2;
  options.prefetch = 0;
  EXPECT_EQ(error(options, simple(3)), "small: prefetch 0, expected at least 1");
  options.prefetch = 1;
  options.threads = 0;
  EXPECT_EQ(error(options, simple(3)), "small: threads 0, expected at least 1");
}

}  // namespace
}  // namespace triage::data
