#include "measure/energy/energy_source.h"

#include <algorithm>

#include "core/error.h"

namespace triage::measure {
namespace {

struct NamedSource {
  const char* name;
  std::unique_ptr<EnergySource> (*open)(const EnergyPlaces&);
};

// In this order: counters before samples, the one that costs least to read first.
constexpr NamedSource kEnergySources[] = {
    {"rapl", open_rapl}, {"perf", open_perf}, {"ina", open_ina}, {"pmic", open_pmic}};

constexpr std::string_view kMeterPrefix = "csv:";

FoundEnergy found(std::unique_ptr<EnergySource> source) {
  std::string text = source->name() + ": " + source->covers();
  return {std::move(source), std::move(text)};
}

}  // namespace

FoundEnergy find_energy(const std::string& which, const EnergyPlaces& places) {
  if (which.starts_with(kMeterPrefix) && which.size() > kMeterPrefix.size()) {
    return found(open_meter(which.substr(kMeterPrefix.size()), places));
  }
  if (which != "auto") {
    const auto* named = std::ranges::find(kEnergySources, which, [](const NamedSource& s) { return s.name; });
    if (named == std::end(kEnergySources)) {
      throw UsageError("energy source: expected auto, rapl, perf, ina, pmic or csv:FILE, found '" + which + "'");
    }
    try {
      return found(named->open(places));
    } catch (const Error& error) {
      fail("energy source {}: not available: {}", which, error.what());
    }
  }
  std::string reasons;
  for (const NamedSource& candidate : kEnergySources) {
    try {
      return found(candidate.open(places));
    } catch (const Error& error) {
      reasons += std::format("{}{}: {}", reasons.empty() ? "" : "; ", candidate.name, error.what());
    }
  }
  return {nullptr, "not available: " + reasons};
}

}  // namespace triage::measure
