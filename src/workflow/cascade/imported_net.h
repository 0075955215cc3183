// From somebody's ONNX file to a stage: what it wants of pixels and what it answers are found by asking it about
// labelled images.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "data/dataset.h"
#include "exporting/imported/quantize_onnx.h"
#include "importing/adapt.h"
#include "plan/plan.h"

namespace triage::workflow {

struct NetSource {
  importing::NetRequest net;
  fs::path preprocess;               // a file that says its preprocessing; empty: one beside the net, else it is found
  std::vector<std::string> classes;  // of the net's answers, in order; empty: those of the data set
  std::string name;                  // of the stage and its file; empty: the net's
};

struct PreprocessTrial {
  std::string name;  // "ImageNet mean and stddev, centre crop"
  preprocess::Preprocess preprocess;
  double accuracy = 0;  // on the images that were asked about
};

struct Int8Of {         // what was found as the int8 form of a net was made
  std::size_t net = 0;  // its number
  exporting::QuantizeReport report;
};

struct ImportedNet {
  plan::Stage stage;                    // with its file, and its preprocessing
  std::string sha256;                   // of the net's own file, and of the data beside it
  importing::Adaptation adaptation;     // by which the file became the stage's
  fs::path preprocess_file;             // that said its preprocessing; empty: it was found
  std::vector<PreprocessTrial> trials;  // the chosen one first; empty: a file said it
  std::size_t images = 0;               // that it was asked about
  std::vector<std::string> notes;       // what a person should know: trials within the noise, ...
  std::optional<Int8Of> int8_of;        // set: this is the int8 form of another net
};

// images: labelled ones of `dataset`, in any order; some hundred of them are asked. The stage's file is written into
// `directory`. Throws Error naming the net's file where it is no classifier of these classes, or answers none of them
// better than a guess; Interrupted.
ImportedNet import_net(const NetSource& source, const data::Dataset& dataset, std::span<const std::uint32_t> images,
                       const fs::path& directory, const Context& context);

// What the stage costs by the shapes in its file, as far as its nodes are known; the rest is said in `notes`.
void add_counts(const fs::path& file, plan::Stage& stage, std::vector<std::string>& notes);

}  // namespace triage::workflow
