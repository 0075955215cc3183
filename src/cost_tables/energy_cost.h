// EnergyCost: measured energy of the runs of one cost table entry.
#pragma once

#include <optional>
#include <string>

#include "core/json.h"

namespace triage::cost {

struct EnergyCost {                 // µJ per run of the entry's batch, means over all windows
  double gross_uj = 0, net_uj = 0;  // all that the source saw; without what it saw of the idle machine
  double idle_watts = 0;            // of the machine asleep, before the first window
  double window_seconds = 0;        // of all windows together
  std::uint64_t runs = 0;           // in them
  std::string source;               // "rapl"
  bool stable = false;              // net_uj of the windows lies within 10 %
  bool operator==(const EnergyCost&) const = default;
};

// null: not available. net_uj may be below 0, where the work is lost in the idle machine's noise.
Json to_json(const std::optional<EnergyCost>& energy);
std::optional<EnergyCost> energy_from_json(const JsonReader& json, const std::string& key);  // an absent key: none

std::string energy_csv_header();                                  // ",energy_gross_uj,...", to stand behind others
std::string energy_csv(const std::optional<EnergyCost>& energy);  // empty columns: not available

}  // namespace triage::cost
