// The int8 form of a net that somebody has (exporting/imported/quantize_onnx.h): ranges from images as its own
// preprocessing makes them, what stays in fp32 decided by right and wrong answers and by time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "data/dataset.h"
#include "data/splits.h"
#include "engine/session.h"
#include "exporting/imported/quantize_onnx.h"
#include "preprocess/preprocess.h"

namespace triage::workflow {

struct Int8Images {
  const data::Dataset& dataset;
  std::vector<std::uint32_t> ranges;  // training images, in a drawn order, that ranges are taken from
  std::vector<std::uint32_t> asked;   // others, that nets are right or wrong about; of either as many as memory allows
};
// Of the route and the validation split.
Int8Images int8_images(const data::Dataset& dataset, const data::Splits& splits, std::uint64_t seed);

struct Int8Choice {
  double max_loss = 0.01;  // of accuracy; 0.01 is one point
  double seconds = 0.3;    // timed runs of each form that is compared
  int threads = 1;         // of the engine, for the timed runs
  bool timed = true;       // else what is not faster here is in int8 as well
  fs::path kept;           // directory of what was found before a kill, made when missing; empty: nothing is kept
  Context context;
};

// A form of the net, given as an ONNX model, as a session with the classes of the data set.
using OpenForm = std::function<std::unique_ptr<engine::Session>(const std::string& model, int threads)>;

// A part of a net with exits that images pass before the one in question: as it was, and as it is to be in the plan.
struct PartBefore {
  std::string sha256;  // of the latter's file
  std::shared_ptr<const engine::Session> fp32, now;
};

// Where a graph's input comes from.
struct FormSource {
  preprocess::Preprocess preprocess;    // of the image
  std::vector<PartBefore> before = {};  // each reads what the one before it carries on; empty: a whole net
};

// graph: one float32 input, what `source` makes. Of a part, ranges and answers are those of its net with the parts
// before as they are to be, and the loss is that against the net as it was. Throws Error where nothing of it can be in
// 8 bits or a form does not run, Interrupted.
exporting::QuantizedModel int8_form(model::Graph graph, const FormSource& source, const Int8Images& images,
                                    const OpenForm& open, const Int8Choice& choice);

// What a person should know of it, a sentence: how many nodes are in 8 bits, and which are not and why.
std::string describe(const exporting::QuantizeReport& report);

}  // namespace triage::workflow
