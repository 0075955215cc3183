// The stages of a plan in int8, one after the other. A stage that goes on from another's features is calibrated on what
// that one hands over in int8, and reads it on the same grid, so that nothing is lost between them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporting/int8/quantize.h"

namespace triage::exporting {

class StageQuantizer {
 public:
  // images: [count, input], as networks read them; count >= 1. Of the options `fp32` and `input` are set for each
  // stage.
  StageQuantizer(std::vector<float> images, std::size_t count, Int8Options options);

  struct Quantized {
    StageModel model;     // with `int8` set
    Int8Options options;  // it was made with
    Int8Report report;
    std::span<const float> input;  // [count(), what the stage reads]; lives as long as the quantizer
  };
  // index: of the stage in the plan. source: of the stage whose features it goes on from, which was quantised before;
  // none: it reads the images. fp32_layers: that stay as they are; those that this stage does not have are not looked
  // at. Throws Error.
  Quantized quantize(const StageModel& stage, std::size_t index, std::optional<std::size_t> source,
                     std::span<const std::string> fp32_layers);

  std::size_t count() const { return count_; }

 private:
  struct HandedOver {
    std::vector<float> maps;          // of all images
    std::optional<model::Grid> grid;  // none: they are not rounded
  };

  std::vector<float> images_;
  std::size_t count_;
  Int8Options options_;
  std::map<std::size_t, HandedOver> handed_over_;  // by stage
};

}  // namespace triage::exporting
