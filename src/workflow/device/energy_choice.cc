#include "workflow/device/energy_choice.h"

namespace triage::workflow {

measure::FoundEnergy EnergyChoice::find() const {
  return wanted ? measure::find_energy(source, places) : measure::FoundEnergy{};
}

measure::EnergyOptions EnergyChoice::options() const {
  return {.idle_seconds = seconds, .window_seconds = seconds, .stop = places.stop};
}

}  // namespace triage::workflow
