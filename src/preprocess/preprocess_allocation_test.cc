// Preprocessing allocates nothing once its scratch has seen a size. In a program of its own: it replaces operator new.
#include <gtest/gtest.h>

#include "core/allocation_test_support.h"
#include "preprocess/preprocessor.h"

namespace triage::preprocess {
namespace {

TEST(PreprocessAllocation, NoneOnceWarm) {
  for (const auto resampler : {Resampler::pillow, Resampler::opencv}) {
    for (const int channels : {1, 3}) {
      const Preprocessor preprocessor({.resize = {.mode = ResizeMode::shorter, .height = 30, .resampler = resampler},
                                       .height = 28,
                                       .width = 28,
                                       .channels = channels,
                                       .mean = std::vector<double>(static_cast<std::size_t>(channels), 0.5),
                                       .stddev = std::vector<double>(static_cast<std::size_t>(channels), 0.5)});
      const std::vector<std::uint8_t> pixels(64 * 80 * 3, 7);
      std::vector<float> output(preprocessor.elements());
      Scratch scratch;
      const auto run = [&](int height, int width) {
        return allocations_of([&] { preprocessor.run({pixels.data(), height, width, 3}, output.data(), scratch); });
      };
      EXPECT_GT(run(64, 80), 0);  // also proves that the counter counts
      run(50, 40);
      for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(run(64, 80), 0);
        EXPECT_EQ(run(50, 40), 0);
      }
    }
  }
}

}  // namespace
}  // namespace triage::preprocess
