#include "runtime/image_inputs.h"

#include <algorithm>
#include <format>

#include "engine/status.h"
#include "preprocess/axis.h"
#include "runtime/convert.h"

namespace triage::runtime {

ImageInputs::ImageInputs(const plan::Plan& plan) : shape_(plan.input) {
  std::vector<const std::optional<preprocess::Preprocess>*> known;
  for (const plan::Stage& stage : plan.stages) {
    if (stage.input != plan::StageInput::image) {
      of_stage_.push_back(-1);
      continue;
    }
    const auto same = std::ranges::find_if(known, [&](const auto* one) { return *one == stage.preprocess; });
    of_stage_.push_back(static_cast<int>(same - known.begin()));
    if (same != known.end()) continue;
    known.push_back(&stage.preprocess);
    Input& input = inputs_.emplace_back();
    if (!stage.preprocess) {
      input.dims = {shape_.channels, shape_.height, shape_.width};
    } else {
      const preprocess::Preprocess& spec = *stage.preprocess;
      input.preprocessor.emplace(spec);
      input.dims = spec.layout == preprocess::Layout::nchw ? std::vector{spec.channels, spec.height, spec.width}
                                                           : std::vector{spec.height, spec.width, spec.channels};
    }
    input.elements = static_cast<std::size_t>(input.dims[0]) * input.dims[1] * input.dims[2];
  }
}

void ImageInputs::check(const ImageView& image, const char* what, std::size_t index) const {
  const plan::InputShape found{image.channels, image.height, image.width};
  if (!shape_.any_size()) {
    if (found != shape_) require_shape(found, shape_, std::format("{}[{}]", what, index));  // no text where it fits
  } else if ((image.channels != 1 && image.channels != 3) || image.height < 1 || image.width < 1 ||
             image.height > preprocess::kMaxImageSide || image.width > preprocess::kMaxImageSide) {
    engine::fail_with(ErrorCode::bad_input,
                      "{}[{}]: found {}x{}x{}, expected 1 to {} rows and columns of 1 or 3 channels", what, index,
                      image.height, image.width, image.channels, preprocess::kMaxImageSide);
  }
  if (!image.pixels) engine::fail_with(ErrorCode::bad_input, "{}[{}]: pixels: found null", what, index);
}

void ImageInputs::convert(int input, const ImageView& image, float* output, preprocess::Scratch& scratch) const {
  const Input& one = inputs_[input];
  if (one.preprocessor) {
    one.preprocessor->run(image, output, scratch);
  } else {
    to_input(image, output);
  }
}

}  // namespace triage::runtime
