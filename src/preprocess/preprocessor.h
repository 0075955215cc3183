// Carries out a Preprocess: the pixels of an image of any size -> what a network takes.
//
// With the resampler pillow and for nearest the resized pixels are those of PIL.Image.resize, bit for bit; with opencv
// those of cv::resize, at most one level off. Only what the crop keeps is computed.
#pragma once

#include <cstddef>
#include <vector>

#include "preprocess/preprocess.h"
#include "preprocess/scratch.h"
#include "triage/classifier.h"

namespace triage::preprocess {

class Preprocessor {  // immutable, so threads may share one
 public:
  // `spec` as preprocess_from_json checks it.
  explicit Preprocessor(const Preprocess& spec);

  const Preprocess& spec() const { return spec_; }
  std::size_t elements() const { return spec_.elements(); }  // of the output

  // Throws Error where run() would not take an image of that size: sides of 1 to kMaxImageSide pixels; as many channels
  // as the output has, or 1 where it has 3, or 3 where it has 1.
  void check(const ImageView& image) const;

  // The image checked as above; output [elements()], float32 in the layout of the spec. Allocates nothing but in
  // `scratch`, and nothing once that has seen an image of this size. What the spec leaves as it is (no resize, scale
  // 1/255, mean 0, stddev 1, rgb, nchw) gives the bits of runtime::to_input.
  void run(const ImageView& image, float* output, Scratch& scratch) const;

 private:
  Preprocess spec_;
  std::vector<float> level_, factor_;  // by channel of the output: value = (pixel - level) * factor
};

}  // namespace triage::preprocess
