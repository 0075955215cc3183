#include "cost/plan_cost.h"

#include <gtest/gtest.h>

#include <array>

#include "core/test_support.h"

namespace triage::cost {
namespace {

CostedStage stage_of(double latency_us, std::int64_t macs = 0, std::optional<double> energy_uj = {}) {
  return {{.latency_us = latency_us, .energy_uj = energy_uj}, {.macs = macs}};
}

TEST(PlanCost, CountsPathsByTheShareThatTakesThem) {
  const std::array stages{stage_of(10, 1), stage_of(20, 2), stage_of(40, 4)};
  const PlanCost cost = plan_cost(stages, std::array{1.0, 0.5, 0.05});
  EXPECT_DOUBLE_EQ(cost.mean_latency_us, 22);
  EXPECT_DOUBLE_EQ(cost.mean_macs, 2.2);
  EXPECT_DOUBLE_EQ(cost.p90_latency_us, 30);  // 95 % have left after the second stage
  EXPECT_DOUBLE_EQ(cost.worst_latency_us, 70);
  EXPECT_DOUBLE_EQ(plan_cost(stages, std::array{1.0, 0.5, 0.0}).worst_latency_us, 30);
}

TEST(PlanCost, EnergyIsKnownWhereEveryStagesIs) {
  std::array stages{stage_of(10, 0, 3), stage_of(20, 0, 8)};
  EXPECT_EQ(plan_cost(stages, std::array{1.0, 0.5}).mean_energy_uj, 7);
  EXPECT_EQ(on_axis(plan_cost(stages, std::array{1.0, 0.5}), CostAxis::energy), 7);
  stages[1].cost.energy_uj.reset();
  const PlanCost unknown = plan_cost(stages, std::array{1.0, 0.5});
  EXPECT_FALSE(unknown.mean_energy_uj);
  EXPECT_EQ(error_of([&] { on_axis(unknown, CostAxis::energy); }),
            "search by energy: expected a device whose energy can be measured, found none");
}

TEST(PlanCost, MemoryIsAllWeightsAndTheLargestMaps) {
  std::array stages{stage_of(1), stage_of(1)};
  stages[0].size = {.weight_bytes = 3 * 1024, .activation_bytes = 8 * 1024};
  stages[1].size = {.weight_bytes = 5 * 1024, .activation_bytes = 4 * 1024};
  const PlanCost cost = plan_cost(stages, std::array{1.0, 0.0});  // held even where no image comes
  EXPECT_EQ(cost.model_kb, 8);
  EXPECT_EQ(cost.memory_kb, 16);
}

TEST(PlanCost, APlansStagesAreThoseThatWereMeasured) {
  plan::Plan plan{.name = "pair", .stages = {{.name = "little", .macs = 7}}};
  EXPECT_EQ(error_of([&] { costed_stages(plan); }),
            "plan 'pair': stage 'little': expected its measured cost, found none");
  plan.stages[0].cost = plan::MeasuredCost{.latency_us = {.mean = 12}, .energy_uj = 5};
  plan.stages[0].weight_bytes = 1024;
  plan.stages[0].activation_bytes = 2048;
  const PlanCost cost = plan_cost(costed_stages(plan), std::array{1.0});
  EXPECT_EQ(cost.mean_latency_us, 12);
  EXPECT_EQ(cost.mean_macs, 7);
  EXPECT_EQ(cost.mean_energy_uj, 5);
  EXPECT_EQ(cost.memory_kb, 3);
}

TEST(Violation, NamesTheWorst) {
  CostedStage stage = stage_of(30, 2'000'000);
  stage.size.weight_bytes = 100 * 1024;
  stage.size.activation_bytes = 200 * 1024;
  const PlanCost cost = plan_cost(std::array{stage}, std::array{1.0});
  std::string worst;
  EXPECT_NEAR(violation(cost, {.mean_latency_us = 20, .memory_kb = 100}, &worst), 2.5, 1e-12);
  EXPECT_EQ(worst, "memory 300.0 KB of 100.0");
  EXPECT_EQ(violation(cost, {.mean_energy_uj = 5}, &worst), 1);
  EXPECT_EQ(worst, "mean energy, which is not available on this device,");
}

TEST(Budgets, ComeBackFromTheirFile) {
  const Budgets budgets{.p90_latency_us = 3.5, .mean_energy_uj = 2, .mean_macs = 1e6, .model_kb = 7};
  EXPECT_EQ(budgets_from_json(JsonReader(to_json(budgets), "budgets")), budgets);
  EXPECT_EQ(to_json(Budgets{}), Json::object());
}

}  // namespace
}  // namespace triage::cost
