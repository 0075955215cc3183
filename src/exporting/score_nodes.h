// The escalation score of an exit as ONNX nodes: the formulas of runtime/score.h, for clients without this runtime.
// Every node and constant is named "router/...", so that a reader can tell the score from the network.
#pragma once

#include <string>

#include "exporting/graph_builder.h"
#include "plan/plan.h"

namespace triage::exporting {

// logits [n, classes] and features [n, router.feature_width] are names of values in scope; features may be empty where
// the policy does not read them. Returns the name of the score, [n] float32. Throws Error when the policy is `learned`
// and the exit has no router, or its sizes do not fit.
std::string add_score(GraphBuilder& builder, plan::PolicyKind policy, const plan::Exit& exit, int classes,
                      const std::string& logits, const std::string& features);

// The largest float32 t' with: score > threshold exactly when score > t', for every float32 score.
float float_threshold(double threshold);

}  // namespace triage::exporting
