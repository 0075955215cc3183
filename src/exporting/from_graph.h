// A stage of a finished plan as numbers again, read back from its file: what it can be quantised from without the
// network it was made of.
#pragma once

#include "exporting/stage_model.h"
#include "model/graph.h"

namespace triage::exporting {

// Throws Error where the plan's stage and the graph do not fit together, or the stage is in int8 already.
StageModel stage_from_graph(const model::Graph& graph, const plan::Plan& plan, std::size_t stage);

}  // namespace triage::exporting
