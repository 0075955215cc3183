// Where costs were measured: numbers of one device say nothing about another, nor about the same one after it changed.
#pragma once

#include "cost_tables/cost_table.h"

namespace triage::cost {

struct MeasuredOn {
  std::string device = kThisMachine;
  Json machine = Json::object();  // core/machine.h; its CPU, flags and governor count
  std::string engine_version;
};
MeasuredOn measured_on(const CostTable& table);

// Throw Error that names the field and both sides when they differ. origin: what messages call the costs.
void require_same_machine(const MeasuredOn& found, const MeasuredOn& expected, const std::string& origin);
// Engine version included.
void require_measured_on(const MeasuredOn& found, const MeasuredOn& expected, const std::string& origin);
void require_same_text(const std::string& origin, const std::string& field, const std::string& found,
                       const std::string& expected);

// Takes over the other table's entries and states. Throws Error when it comes from another device or has an entry that
// is there already. A table without entries takes over the other's device as well.
void add_entries(CostTable& table, const CostTable& other, const std::string& origin);

}  // namespace triage::cost
