// Energy on the command line: options that choose a source, and how a cost table's energy is printed.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cost_tables/cost_table.h"
#include "workflow/device/energy_choice.h"

namespace triage::cli {

// --energy: not wanted without it, and the other options need it.
void add_energy_flag(CLI::App& app, workflow::EnergyChoice& choice);
// --energy-source and what belongs to it.
void add_energy_options(CLI::App& app, workflow::EnergyChoice& choice);

// A column of the printed table: net energy, "n/a" where there is none, nothing at all when nobody asked for energy.
std::string energy_title(const cost::CostTable& table);
std::string energy_unit(const cost::CostTable& table);
std::string energy_cell(const cost::CostTable& table, const cost::CostSample& entry);
void print_energy_note(const cost::CostTable& table);  // where the numbers come from, or why there are none

}  // namespace triage::cli
