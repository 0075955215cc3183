// A stage of a finished plan as numbers again, read back from its file: what it can be quantised from without the
// network it was made of.
#pragma once

#include "compiler/stage_graph.h"
#include "exporting/stage_model.h"

namespace triage::exporting {

// Throws Error where the plan's stage and the graph do not fit together, or the stage is in int8 already.
StageModel stage_from_graph(const compiler::StageGraph& graph, const plan::Plan& plan, std::size_t stage);

}  // namespace triage::exporting
