// Which source of energy a measurement takes.
#pragma once

#include <string>

#include "measure/energy/energy.h"

namespace triage::workflow {

struct EnergyChoice {
  bool wanted = true;
  std::string source = "auto";
  double seconds = 2;  // of the idle window, and of each of a row's three windows
  measure::EnergyPlaces places;

  // Neither source nor text when energy is not wanted. Throws Error when a source that was named is not available.
  measure::FoundEnergy find() const;
  measure::EnergyOptions options() const;
};

}  // namespace triage::workflow
