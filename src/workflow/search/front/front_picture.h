// The picture of a search's front.
#pragma once

#include "core/files/file.h"
#include "search/evolve/front.h"

namespace triage::workflow {

// "one net", "early exits", "cascade" or "cascade with early exits".
std::string kind_of(const search::Genome& genome);
// "fp32", "int8" or "fp32 and int8".
std::string precisions_of(const search::Genome& genome);

struct FrontOrigin {  // what it was found with
  const search::Evaluator& evaluator;
  const std::optional<search::Genome>& hand_picked;
  bool several_precisions = false;
};

// Plans by kind and precisions, nets alone, what breaks the budgets, the curve of a hand-picked plan and of an oracle
// that routes the front's nets.
void draw_front(const search::Front& front, const FrontOrigin& origin, const fs::path& file);

}  // namespace triage::workflow
