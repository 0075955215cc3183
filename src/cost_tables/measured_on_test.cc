#include "cost_tables/measured_on.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::cost {
namespace {

CostTable table_of(const std::string& device, const std::string& cpu, const std::string& stage) {
  CostTable table{.machine = {{"cpu", cpu}, {"flags", "asimd"}, {"governor", "performance"}}};
  table.engine_version = "1.21";
  table.device = device;
  table.states.push_back({{"rows", 1}});
  table.entries.push_back({.key = cost_key(stage, kUsualEngine, kUsualProvider, plan::Precision::fp32, 1, 1)});
  return table;
}

TEST(MeasuredOn, EveryDifferenceIsNamedWithBothSides) {
  const MeasuredOn here = measured_on(table_of("pi5", "Cortex-A76", "little"));
  require_measured_on(here, here, "costs.json");
  const auto refusal = [&](auto change) {
    MeasuredOn found = here;
    change(found);
    return error_of([&] { require_measured_on(found, here, "costs.json"); });
  };
  EXPECT_EQ(refusal([](MeasuredOn& on) { on.device = "pi4"; }),
            "costs.json: device: found 'pi4', where the costs were measured, expected 'pi5'");
  EXPECT_EQ(refusal([](MeasuredOn& on) { on.machine["cpu"] = "Cortex-A72"; }),
            "costs.json: machine.cpu: found 'Cortex-A72', where the costs were measured, expected 'Cortex-A76'");
  EXPECT_EQ(refusal([](MeasuredOn& on) { on.machine["governor"] = "powersave"; }),
            "costs.json: machine.governor: found 'powersave', where the costs were measured, expected 'performance'");
  EXPECT_EQ(refusal([](MeasuredOn& on) { on.machine.erase("flags"); }),
            "costs.json: machine.flags: found '', where the costs were measured, expected 'asimd'");
  EXPECT_EQ(refusal([](MeasuredOn& on) { on.engine_version = "1.20"; }),
            "costs.json: engine_version: found '1.20', where the costs were measured, expected '1.21'");
}

TEST(AddEntries, ATableHoldsOneDeviceAndEachRowOnce) {
  CostTable table;
  add_entries(table, table_of("pi5", "Cortex-A76", "little"), "a");
  add_entries(table, table_of("pi5", "Cortex-A76", "big"), "b");
  EXPECT_EQ(table.device, "pi5");
  EXPECT_EQ(table.entries.size(), 2u);
  EXPECT_EQ(table.states.size(), 2u);
  EXPECT_EQ(error_of([&] { add_entries(table, table_of("pi4", "Cortex-A76", "third"), "c"); }),
            "c: device: found 'pi4', where the costs were measured, expected 'pi5'");
  EXPECT_EQ(error_of([&] { add_entries(table, table_of("pi5", "Cortex-A76", "big"), "c"); }),
            "c: entries: found stage 'big', threads 1, batch 1 a second time, expected it once");
  EXPECT_EQ(table.entries.size(), 2u);
}

}  // namespace
}  // namespace triage::cost
