#include "cost/cost_config.h"

namespace triage::cost {

void read_budgets(ConfigSection section, Budgets& budgets) {
  const auto read = [&](const char* key, std::optional<double>& value, double scale = 1) {
    double number = 0;
    section.read(key, number, 1e-9, 1e15);
    if (section.has(key)) value = number * scale;
  };
  read("mean_latency_us", budgets.mean_latency_us);
  read("p90_latency_us", budgets.p90_latency_us);
  read("worst_latency_us", budgets.worst_latency_us);
  read("mean_energy_uj", budgets.mean_energy_uj);
  read("mean_mmac", budgets.mean_macs, 1e6);
  read("memory_kb", budgets.memory_kb);
  read("model_kb", budgets.model_kb);
  section.finish();
}

void read_cost_axis(ConfigSection& section, CostAxis& axis) {
  std::string text = to_string(axis);
  section.read("axis", text);
  if (text != "latency" && text != "macs" && text != "energy") section.fail_at("axis", "latency, macs or energy");
  axis = cost_axis_from_string(text);
}

}  // namespace triage::cost
