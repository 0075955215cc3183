// A Preprocessor against what Pillow and OpenCV made of the same images.
#pragma once

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files/file.h"
#include "preprocess/preprocessor.h"

namespace triage::preprocess {

// The largest difference in levels by resampler, over the cases of a folder that tests/fixtures/make_resize.py made.
struct Difference {
  int cases = 0;
  float pillow = 0, opencv = 0;
};

inline Preprocess spec_of(std::istringstream& line, ImageView& image) {
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

inline Difference difference_from(const fs::path& folder) {
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
  if (image_at != images.size() || expected_at != expected.size())
    fail("{}: more pixels than cases.txt names", folder.string());
  return difference;
}

}  // namespace triage::preprocess
