// From images to what the image stages of a plan take: each distinct preprocessing of a plan, once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "preprocess/preprocessor.h"
#include "triage/classifier.h"

namespace triage::runtime {

// Thread-safe; immutable. Copies what it needs of the plan.
class ImageInputs {
 public:
  explicit ImageInputs(const plan::Plan& plan);

  std::size_t size() const { return inputs_.size(); }                 // distinct inputs
  int of_stage(std::size_t stage) const { return of_stage_[stage]; }  // its input's number; -1: it starts from features
  std::size_t elements(int input) const { return inputs_[input].elements; }
  const std::vector<int>& dims(int input) const { return inputs_[input].dims; }  // of one image, in the stage's layout

  // Throws engine::Failure (bad_input) naming `what`: an image of a size that the plan does not take, or none.
  void check(const ImageView& image, const char* what, std::size_t index) const;

  // output [elements(input)]. No allocation once the scratch is warm for images of this size.
  void convert(int input, const ImageView& image, float* output, preprocess::Scratch& scratch) const;

 private:
  struct Input {
    std::optional<preprocess::Preprocessor> preprocessor;  // none: pixels / 255, as our own networks take them
    std::vector<int> dims;
    std::size_t elements = 0;
  };
  plan::InputShape shape_;
  std::vector<Input> inputs_;
  std::vector<int> of_stage_;
};

}  // namespace triage::runtime
