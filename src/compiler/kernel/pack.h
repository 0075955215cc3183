// Constants of a convolution in the order in which its kernel reads them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/kernel/schedule.h"
#include "engine/compiled/stage_program.h"

namespace triage::compiler {

struct Packed {  // an argument's bytes and shape
  std::vector<std::uint8_t> bytes;
  engine::ElementType type = engine::ElementType::f32;
  std::vector<engine::Dimension> dimensions;
};

// weight: [out, in, 3, 3]. Direct: [block of channels][tap][group of input channels][channel][input channel of the
// group]; Winograd: [block of channels][position in the transformed tile][input channel][channel]. Channels and groups
// that do not exist are 0.
Packed packed_weights(const KernelKey& key, const Schedule& schedule, const Target& target,
                      std::span<const float> weight);
Packed packed_weights(const KernelKey& key, const Schedule& schedule, const Target& target,
                      std::span<const std::int8_t> weight);

Packed packed_vector(std::span<const float> values, std::size_t size);  // padded with 0
Packed packed_vector(std::span<const std::int32_t> values, std::size_t size);

// What the sums of an int8 convolution start from, as its map is stored: the bias minus the zero point's share.
std::vector<std::int32_t> shifted_bias(const KernelKey& key, const Target& target, std::span<const std::int8_t> weight,
                                       std::span<const std::int32_t> bias, int zero);

}  // namespace triage::compiler
