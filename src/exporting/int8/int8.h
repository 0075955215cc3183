// Int8Stage: a stage's convolutions on 8-bit integers (model/int8.h), in plain numbers. Heads stay in fp32.
#pragma once

#include <optional>
#include <vector>

#include "model/int8.h"

namespace triage::exporting {

struct Int8Stage {
  std::vector<model::Grid> maps;  // [convolutions + 1]: what each one reads; at the end what the head reads
  std::vector<std::optional<model::IntegerWeights>> convs;  // none: this one stays in fp32

  // Whether map i is rounded to its grid: a convolution beside it is in int8.
  bool rounds(std::size_t map) const;
};

}  // namespace triage::exporting
