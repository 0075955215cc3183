#include "cost_tables/measured_on.h"

#include "core/error.h"

namespace triage::cost {

MeasuredOn measured_on(const CostTable& table) { return {table.device, table.machine, table.engine_version}; }

void require_same_text(const std::string& origin, const std::string& field, const std::string& found,
                       const std::string& expected) {
  if (found == expected) return;
  fail("{}: {}: found '{}', where the costs were measured, expected '{}'", origin, field, found, expected);
}

void require_same_machine(const MeasuredOn& found, const MeasuredOn& expected, const std::string& origin) {
  require_same_text(origin, "device", found.device, expected.device);
  const auto text = [](const Json& json, const char* field) {
    return json.contains(field) && json[field].is_string() ? json[field].get<std::string>() : std::string();
  };
  for (const char* field : {"cpu", "flags", "governor"}) {
    require_same_text(origin, std::string("machine.") + field, text(found.machine, field),
                      text(expected.machine, field));
  }
}

void require_measured_on(const MeasuredOn& found, const MeasuredOn& expected, const std::string& origin) {
  require_same_machine(found, expected, origin);
  require_same_text(origin, "engine_version", found.engine_version, expected.engine_version);
}

void add_entries(CostTable& table, const CostTable& other, const std::string& origin) {
  if (table.entries.empty()) {
    table.device = other.device;
    table.machine = other.machine;
    table.engine_version = other.engine_version;
  }
  require_measured_on(measured_on(other), measured_on(table), origin);
  for (const CostSample& entry : other.entries) {
    if (table.find(entry.key) != nullptr) {
      fail("{}: entries: found stage '{}', threads {}, batch {} a second time, expected it once", origin,
           entry.key.stage, entry.key.threads, entry.key.batch);
    }
    table.entries.push_back(entry);
  }
  if (table.energy_source.empty()) table.energy_source = other.energy_source;
  for (const Json& state : other.states) table.states.push_back(state);
}

}  // namespace triage::cost
