// EdgeKey: a kernel that stands before, between or behind the convolutions. Small, with a fixed schedule each.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "plan/precision.h"

namespace triage::compiler {

// Arguments of each kind; grid: [2] fp32, scale and zero point as stored, not read in fp32.
enum class EdgeKind {
  prepare,    // image or carried map [channels, height, width] fp32, subtract [channels], grid -> map
  head,       // map, grid, weight [classes, stored channels], bias [classes] -> logits [classes]
  mean,       // map, grid -> [channels], means over the pixels
  carry_out,  // map, grid -> [channels, height, width] fp32
  round,      // map in fp32, grid -> map in int8
  real,       // map in int8, grid -> map in fp32
};

struct EdgeKey {
  EdgeKind kind = EdgeKind::prepare;
  plan::Precision precision = plan::Precision::fp32;  // of the map; of round and real int8
  int channels = 0, stored = 0;                       // stored: in memory
  int height = 0, width = 0, classes = 0;

  std::string text() const;                     // "head int8 60/64 4x4 classes 10"
  static EdgeKey parse(std::string_view text);  // throws Error
  auto operator<=>(const EdgeKey&) const = default;
};

}  // namespace triage::compiler
