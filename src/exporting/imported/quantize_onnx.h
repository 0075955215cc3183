// Static quantisation of an imported net: any ONNX model with one input of real numbers.
//
//   1 the net in its normal form (normal_form.h) runs over the calibration images; a histogram of every map
//   2 the method of ranges: the one asked for, or of all three the one whose answers keep the best SQNR
//   3 weights of 8 bits, or of 7 where that is faster; kinds of nodes that are not faster in 8 bits stay in fp32, where
//   `time` is there to ask; all, where the net is not 4 each node alone in 8 bits: what it does to the answers; the
//   worst ones go back to fp32, as few as possible, until
//     the loss in accuracy is within the budget, where `ask` is there to ask
// SQNR: 10 log10 of the power of fp32's numbers over that of the difference, in dB.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/files/file.h"
#include "core/files/kept_numbers.h"
#include "core/json.h"
#include "exporting/int8/range_histogram.h"
#include "model/graph.h"

namespace triage::exporting {

struct QuantizeOptions {
  std::optional<RangeMethod> range;  // none: the best of all
  double percentile = 99.99;         // percent of a map's values inside its range, where that is the method
  std::vector<std::string> fp32;     // nodes that stay as they are, by the names of the report
  std::optional<int> weight_bits;    // 7 or 8; none: 7 where `time` finds it faster (model::kLargestWeightOfPairs)
  // Of an ONNX model, given as its bytes: the share of images whose answer is right; of several, measured in turns, the
  // microseconds per image of each. Both may be empty: then nothing is chosen by them.
  std::function<double(const std::string& model)> ask;
  std::function<std::vector<double>(std::span<const std::string> models)> time;
  // What was asked, timed and probed before a kill is not asked again; its identity: what `ask` and `time` do, and the
  // images. Null: everything is. Not owned.
  KeptNumbers* kept = nullptr;
  double max_loss = 0.01;  // of `ask` against the net in fp32: 0.01 is one point
  // Of the net in fp32, where `ask` cannot tell: a part of a net, whose inputs are from parts that are in int8 already.
  std::optional<double> fp32_accuracy;
  double min_speedup = 1.01;   // of a kind of nodes in 8 bits, that it stays so
  std::size_t probes = 64;     // images at most that step 4 runs for each node; 0: no step 4, and no `ask`
  int batch = 8, threads = 1;  // of the runs over the images; the batch of a net that has a fixed one is its own
  Context context;
};

struct QuantizedNode {
  std::string name, op;      // the node's name, or that of what it gives where it has none
  bool int8 = false;         // in the result
  std::string reason;        // why it is not: "asked for", "not faster", "accuracy"
  double sqnr_db = 0;        // of what it gives, in the result; this and the next: 0 without probes
  double alone_sqnr_db = 0;  // of the answers with this node alone in 8 bits
};

struct QuantizeReport {
  std::map<std::string, double> answers_sqnr_db;  // by method of ranges, everything in 8 bits
  RangeMethod range = RangeMethod::minmax;        // the one that was taken
  double final_sqnr_db = 0;                       // of the answers of the result
  int weight_bits = 8;
  std::vector<QuantizedNode> nodes;                                  // that can be in 8 bits, in order
  std::optional<double> fp32_accuracy, all_int8_accuracy, accuracy;  // where `ask` is there and something is in 8 bits
  std::optional<double> fp32_us, us;  // where `time` is there; of the result at the end, both in turns

  bool any_int8() const;  // else the result is the net in fp32
};
Json to_json(const QuantizeReport& report);

struct QuantizedModel {
  std::string bytes;  // ONNX, operator set 13 or the file's own where that is later
  QuantizeReport report;
};

// images: [count, input], as the net's input has them, count >= 1. Throws Error: an input that is not one of real
// numbers with known sizes, images of another size, a node named in `fp32` that is none, a net without a node that can
// be in 8 bits; Interrupted where the context asks to stop.
QuantizedModel quantize_onnx(const fs::path& file, std::span<const float> images, std::size_t count,
                             const QuantizeOptions& options = {});
QuantizedModel quantize_graph(model::Graph graph, std::span<const float> images, std::size_t count,
                              const QuantizeOptions& options = {});

}  // namespace triage::exporting
