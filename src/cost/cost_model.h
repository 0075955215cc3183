// CostModel: what a stage costs, asked for by segment. A search gets one handed in and never knows who measured.
#pragma once

#include <optional>
#include <string>

#include "plan/arch.h"
#include "plan/precision.h"

namespace triage::cost {

// The part of a net that a stage runs: its blocks [first_block, last_block), then a head of its own.
struct Segment {
  plan::ArchSpec arch;
  int first_block = 0;  // 0: reads the image; else the map of block first_block - 1, which another stage carries over
  int last_block = -1;  // -1: to the end
  bool carry = false;   // hands the map of its last block to a later stage
  plan::Precision precision = plan::Precision::fp32;

  int end_block() const { return last_block < 0 ? static_cast<int>(arch.blocks.size()) : last_block; }
  std::string text() const;  // "24-64,64-192[0:2]+carry/int8"; the blocks where they are not all, precision unless fp32
  bool operator==(const Segment&) const = default;
};

// What follows from the segment alone. Throws Error when the blocks do not exist.
struct StageSize {
  std::int64_t macs = 0, parameters = 0;  // head included
  std::int64_t weight_bytes = 0;          // int8: a byte a weight, and for each channel its scale and 32-bit bias
  std::int64_t activation_bytes = 0;      // the largest input + output of one convolution
};
StageSize stage_size(const Segment& segment, const plan::InputShape& input, int classes);

// The layers that a stage runs, as conv_layers() of the whole net gives them.
std::vector<plan::ConvLayer> segment_layers(const Segment& segment, const plan::InputShape& input);

struct StageCost {  // what a stage takes for one image at batch 1
  double latency_us = 0;
  std::optional<double> energy_uj;  // none: the device has no source of energy measurements
  bool measured = false;            // whole; false: predicted
};

class CostModel {
 public:
  virtual ~CostModel() = default;
  // Thread-safe. Throws Error naming the stage when the model cannot tell.
  virtual StageCost stage(const Segment& stage) const = 0;
  // What two searches must agree on for their costs to be comparable: device, engine, threads, where it comes from.
  virtual Json identity() const = 0;
};

}  // namespace triage::cost
