// One axis of preprocessing: how long it becomes, which part of it is kept, and from which pixels each output pixel is
// made. Formulas: Resample.c and Geometry.c of Pillow 11, resize.cpp of OpenCV 4.
#pragma once

#include <cstdint>
#include <vector>

#include "preprocess/preprocess.h"

namespace triage::preprocess {

// A kept part of a resized axis. Where the resized image is smaller than the output, black pixels stand around it.
struct AxisWindow {
  int in = 0, resized = 0;     // pixels of the image, and after resizing
  int first = 0, count = 0;    // of the resized pixels, those that are kept
  int before = 0, output = 0;  // black pixels in front of them; pixels of the output
  bool operator==(const AxisWindow&) const = default;
};

// The middle `output` pixels as torchvision's CenterCrop takes them: half pixels rounded to even, black rounded down.
AxisWindow centre_window(int in, int resized, int output);

// Both axes of an image of that size. Throws Error for an image over kMaxImageSide or without pixels.
inline constexpr int kMaxImageSide = 65'535;
struct Windows {
  AxisWindow rows, columns;
};
Windows windows(const Preprocess& preprocess, int height, int width);

// Weights are whole numbers with this many bits behind the point, as in Pillow for 8-bit images.
inline constexpr int kWeightBits = 32 - 8 - 2;

// What an AxisTable is made from.
struct AxisKey {
  AxisWindow window;
  Interpolation interpolation = Interpolation::bilinear;
  Resampler resampler = Resampler::pillow;
  bool shrinks = true;  // no axis of the image becomes longer: what OpenCV's area depends on
  bool operator==(const AxisKey&) const = default;
};

// Pixel i of window.count is the sum over t of weights[i * taps + t] * in[first[i] + t], divided by 2^kWeightBits.
struct AxisTable {
  AxisKey key;
  bool copies = false;  // each output pixel is in[first[0] + i]
  int taps = 0;         // first[i] + taps is in the image for every i
  std::vector<std::int32_t> first, weights;
  std::vector<double> one;  // of one pixel while it is made
};

// Makes the table of `key` in `table`, whose memory is used again.
void fill_table(const AxisKey& key, AxisTable& table);

}  // namespace triage::preprocess
