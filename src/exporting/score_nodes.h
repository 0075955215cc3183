// The escalation score of an exit as ONNX nodes: the formulas of runtime/score.h, for clients without this runtime.
// Nodes and constants are named "router/..." and "answer/...", so that a reader can tell them from the network.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "exporting/graph_builder.h"
#include "plan/plan.h"

namespace triage::exporting {

// What an exit that answers together with the stages before it reads, as names of values [n, classes].
struct AnswersSoFar {
  std::string mean;                   // that the exit answers from; empty: from its own logits
  std::vector<std::string> compared;  // with the policy `agreement`: of the stages so far; empty at the first exit
};

// Probabilities [n, classes] of a stage, softmax(logits / temperature), and the mean of those of several: one weight
// for each, at least one above 0; names of stages without weight may be empty. Return their names: "answer/...".
std::string add_probabilities(GraphBuilder& builder, double temperature, const std::string& logits);
std::string add_mean(GraphBuilder& builder, std::span<const double> weights, std::span<const std::string> stages);
// log(max(p, the smallest normal number)); nodes are named `place`/...
std::string add_logarithm(GraphBuilder& builder, const std::string& probabilities, const std::string& place);

// logits [n, classes] and features [n, router.feature_width] are names of values in scope; features may be empty where
// the policy does not read them. Returns the name of the score, [n] float32. Throws Error when the policy is `learned`
// and the exit has no router, or its sizes do not fit.
std::string add_score(GraphBuilder& builder, plan::PolicyKind policy, const plan::Exit& exit, int classes,
                      const std::string& logits, const std::string& features, const AnswersSoFar& so_far = {});

// The largest float32 t' with: score > threshold exactly when score > t', for every float32 score.
float float_threshold(double threshold);

}  // namespace triage::exporting
