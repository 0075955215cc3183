// From ONNX files that people have to a plan: every net is imported, asked about labelled images and measured; then
// which of them to ask in which order, by which policy and at which thresholds is solved from those answers.
#pragma once

#include <string>
#include <vector>

#include "results/results.h"
#include "workflow/cascade/imported_net.h"
#include "workflow/cascade/learned.h"

namespace triage::workflow {

struct CascadeRequest {
  std::vector<NetSource> nets;  // at least one
  fs::path data;                // imported data set, or a folder of class folders (folder_data.h)
  fs::path out;                 // directory of the plan
  BuildTarget target;           // none: the knee
  plan::Metric metric = plan::Metric::accuracy;
  std::vector<plan::PolicyKind> policies;  // empty: those of SolveRequest, and learned where it wins
  std::size_t max_stages = 3;
  bool int8 = false;           // each net in int8 as well, as one more net
  double int8_loss = 0.01;     // of accuracy, that an int8 form may lose
  double profile_seconds = 2;  // per net
  int threads = 1;             // of the engine, for the measured costs
  std::uint64_t seed = 1;
  std::string command;  // for the provenance
};

struct CascadeResult {
  plan::Plan plan;
  std::vector<ImportedNet> nets;             // in the order of the request, then their int8 forms
  std::vector<CascadePoint> front;           // chains are numbers of nets
  std::vector<LearnedChain> learned;         // that routers were trained for
  std::vector<double> accuracy, latency_us;  // of each net alone: on the validation split, and as measured
  std::size_t chosen = 0;                    // of the front
  fs::path data;                             // the data set's file
  std::vector<std::string> notes;            // what was done that a person should know
  std::vector<std::string> warnings;
  results::Results results;  // of the plan on the test split
};

// Writes the plan, cascade.json, costs.json, results.json and the report into request.out, which is replaced as a whole
// when all of it is there. The nets may have been trained on the data set's training images, so everything is chosen on
// its validation images; where it has none of its own (import with --validation-from-test), they are drawn from the
// training images, with a warning. Throws Error, Interrupted.
CascadeResult run_cascade(const CascadeRequest& request, const Context& context);

}  // namespace triage::workflow
