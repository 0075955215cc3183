#include "measure/energy/energy.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

void check_budgets(const Workspace& w) {
  if (!w.config.budgets.mean_energy_uj) return;
  if (const measure::FoundEnergy energy = measure::find_energy("auto"); !energy.source) {
    fail("{}: build.budget.mean_energy_uj: expected a source of energy to hold it against, found {}", w.config.origin,
         energy.text);
  }
}

}  // namespace triage::workflow
