// What `triage costs` measures: tables of layers for every combination that is asked for, the memory of plans, and how
// well they predict.
#pragma once

#include <map>

#include "core/system/machine.h"
#include "costing/memory_costs.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {

// Every combination of what was asked for, providers outermost, precisions innermost.
std::vector<costing::LayerCostOptions> combinations(const costing::LayerCostOptions& options,
                                                    const std::vector<std::string>& providers,
                                                    const std::vector<int>& threads,
                                                    const std::vector<plan::Precision>& precisions);

// Peak memory of plans of the subject's space, each in a fresh process of triage-measure.
cost::MemoryCosts measured_memory(const LayerTableSubject& subject, const std::vector<plan::Precision>& precisions,
                                  std::uint64_t seed, const Context& context);

// Of each table, and as "cost.mean_error_percent" and "cost.kendall_tau" the worst of them; of another family than
// plain its name before all ("residual.cost.kendall_tau").
std::map<std::string, Figure> error_figures(const std::vector<cost::LayerCostTable>& tables,
                                            const family::AnySpace& space);

// Of each precision, and as "memory.error_percent" and "memory.max_error_percent" the worst of them.
std::map<std::string, Figure> memory_figures(const cost::MemoryCosts& costs);

}  // namespace triage::workflow
