// Against what Pillow and OpenCV made of images (tests/fixtures/make_resize.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/files/file.h"
#include "core/system/cpu_test_support.h"
#include "core/system/process.h"
#include "core/test_support.h"
#include "preprocess/preprocessor.h"

namespace triage::preprocess {
namespace {

// The largest difference in levels by resampler, over the cases of a folder; each is one image.
struct Difference {
  int cases = 0;
  float pillow = 0, opencv = 0;
};

Preprocess spec_of(std::istringstream& line, ImageView& image) {
  std::string resampler, interpolation, mode;
  int resize_height = 0, resize_width = 0;
  Preprocess spec{.scale = 1};
  line >> resampler >> interpolation >> mode >> image.height >> image.width >> image.channels >> resize_height >>
      resize_width >> spec.height >> spec.width;
  Json resize = {{"mode", mode}, {"height", resize_height}, {"interpolation", interpolation}, {"resampler", resampler}};
  if (mode == "exact") resize["width"] = resize_width;
  spec.channels = image.channels;
  spec.layout = Layout::nhwc;
  spec.mean.assign(static_cast<std::size_t>(spec.channels), 0);
  spec.stddev.assign(static_cast<std::size_t>(spec.channels), 1);
  Json json = to_json(spec);
  json["resize"] = resize;
  return preprocess_from_json(JsonReader(json, line.str()));
}

Difference difference_of(const fs::path& folder) {
  const std::string images = read_file(folder / "images.bin"), expected = read_file(folder / "expected.bin");
  std::istringstream lines(read_file(folder / "cases.txt"));
  std::size_t image_at = 0, expected_at = 0;
  Difference difference;
  Scratch scratch;
  for (std::string text; std::getline(lines, text); ++difference.cases) {
    std::istringstream line(text);
    ImageView image;
    const Preprocessor preprocessor(spec_of(line, image));
    const std::size_t bytes = static_cast<std::size_t>(image.height * image.width * image.channels);
    // Of the size of the image, so that a sanitizer sees what is read behind it.
    const std::vector<std::uint8_t> pixels(images.begin() + static_cast<std::ptrdiff_t>(image_at),
                                           images.begin() + static_cast<std::ptrdiff_t>(image_at + bytes));
    image.pixels = pixels.data();
    image_at += bytes;
    std::vector<float> output(preprocessor.elements());
    preprocessor.run(image, output.data(), scratch);
    float& largest = preprocessor.spec().resize.resampler == Resampler::pillow ? difference.pillow : difference.opencv;
    for (const float value : output)
      largest = std::max(largest, std::abs(value - static_cast<std::uint8_t>(expected.at(expected_at++))));
  }
  EXPECT_EQ(image_at, images.size());
  EXPECT_EQ(expected_at, expected.size());
  return difference;
}

TEST(ResizeFixtures, PillowToTheBitAndOpencvToOneLevel) {
  for (const CpuFeatures cpu : cpus_here()) {
    const CpuOverride as(cpu);
    const Difference difference = difference_of(fs::path(TRIAGE_FIXTURES) / "resize");
    EXPECT_EQ(difference.cases, 64);
    EXPECT_EQ(difference.pillow, 0);
    EXPECT_LE(difference.opencv, 1);
  }
}

// Larger images of many sizes, where python3-pil is installed.
TEST(ResizeFixtures, PillowOfThisMachine) {
  const TempDir directory;
  const ProcessResult made =
      run_process({.command = {"/usr/bin/python3", std::string(TRIAGE_FIXTURES) + "/make_resize.py",
                               (directory / "resize").string(), "--random", "7"}});
  if (made.exit_code == 77) GTEST_SKIP() << "python3-pil is not installed";
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  const Difference difference = difference_of(directory / "resize");
  EXPECT_EQ(difference.cases, 64);
  EXPECT_EQ(difference.pillow, 0);
}

}  // namespace
}  // namespace triage::preprocess
