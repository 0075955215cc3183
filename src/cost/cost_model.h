// CostModel: what a stage costs, asked for by segment. A search gets one handed in and never knows who measured.
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "family/family.h"
#include "plan/precision.h"

namespace triage::cost {

// The part of a net that a stage runs: its sections [first_section, last_section), then a head of its own. A plain
// net's sections are its blocks.
struct Segment {
  family::ArchSpec arch;
  int first_section = 0;  // 0: reads the image; else the map of section first_section - 1, which another stage carries
  int last_section = -1;  // -1: to the end, tails included
  bool carry = false;     // hands the map of its last section to a later stage
  plan::Precision precision = plan::Precision::fp32;

  int end_section() const;
  bool whole() const;        // from the image to the net's end, carrying nothing
  std::string text() const;  // "24-64,64-192[0:2]+carry/int8"; sections where they are not all, precision unless fp32
  bool operator==(const Segment&) const = default;
};

// Its layers are net.layers[begin, end), behind them stands its head; before begin are those of sections before it.
struct SegmentNet {
  family::Blueprint net;  // ends where the segment does
  std::size_t begin = 0, end = 0;
  const family::Layer* input() const;   // whose map it starts from; null: the image
  const family::Layer& pooled() const;  // whose map its head pools: the last layer but a pooled tail
  std::span<const family::Layer> layers() const { return std::span(net.layers).subspan(begin, end - begin); }
};
// Throws Error when the sections do not exist or the image is too small.
SegmentNet segment_net(const Segment& segment, const plan::InputShape& input, int classes);

// What follows from the segment alone.
struct StageSize {
  std::int64_t macs = 0, parameters = 0;  // head included
  std::int64_t weight_bytes = 0;          // int8: a byte a weight, and for each channel its scale and 32-bit bias
  std::int64_t activation_bytes = 0;      // the largest input + output of one convolution, and what waits for a sum
};
StageSize stage_size(const Segment& segment, const plan::InputShape& input, int classes);

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
  // As stage_size(), which a model overrides that costs nets whose layers no family knows. Thread-safe.
  virtual StageSize size(const Segment& stage, const plan::InputShape& input, int classes) const;
  // What two searches must agree on for their costs to be comparable: device, engine, threads, where it comes from.
  virtual Json identity() const = 0;
};

}  // namespace triage::cost
