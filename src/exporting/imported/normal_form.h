// An imported graph with the forms that integers can be put in, computing the same: batch normalisation behind a
// convolution becomes part of it, a mean over all places of a map becomes a global average pool, weights of linear
// layers are [out, in], softmax over the last dimension is written as one, and what does not depend on the image is
// constant (model::fold_constants). Shapes stay inferred.
#pragma once

#include "model/graph.h"

namespace triage::exporting {

void normalize_graph(model::Graph& graph);

}  // namespace triage::exporting
