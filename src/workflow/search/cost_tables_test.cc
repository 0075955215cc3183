#include "workflow/search/cost_tables.h"

#include <gtest/gtest.h>

namespace triage::workflow {
namespace {

TEST(CostTables, EveryCombinationIsMeasuredProvidersOutermost) {
  costing::LayerCostOptions options;
  options.seconds = 3;
  const auto all = combinations(options, {"cpu", "compiled"}, {1, 2}, {plan::Precision::fp32, plan::Precision::int8});
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all[0].provider, "cpu");
  EXPECT_EQ(all[1].precision, plan::Precision::int8);
  EXPECT_EQ(all[2].threads, 2);
  EXPECT_EQ(all[3].provider, "cpu");
  EXPECT_EQ(all[4].provider, "compiled");
  for (const costing::LayerCostOptions& one : all) EXPECT_EQ(one.seconds, 3);
}

cost::LayerCostTable table_of(plan::Precision precision, double error, double tau) {
  cost::LayerCostTable table;
  table.key = cost::cost_key({}, "onnxruntime", "cpu", precision, /*threads=*/1, /*batch=*/1);
  table.whole_error = {.stages = 9, .mean_percent = error, .max_percent = 2 * error, .kendall_tau = tau};
  return table;
}

TEST(CostTables, TheFigureWithoutASettingIsTheWorst) {
  const auto figures =
      error_figures({table_of(plan::Precision::fp32, 3, 0.9), table_of(plan::Precision::int8, 5, 0.95)},
                    family::AnySpace::parse("4-8"));
  EXPECT_EQ(figures.at("cost.fp32_mean_error_percent").value, 3);
  EXPECT_EQ(figures.at("cost.int8_mean_error_percent").value, 5);
  EXPECT_EQ(figures.at("cost.mean_error_percent").value, 5);
  EXPECT_EQ(figures.at("cost.kendall_tau").value, 0.9);
  EXPECT_EQ(figures.at("cost.kendall_tau").n, 9);
}

TEST(CostTables, FiguresOfAnotherFamilyHaveItsName) {
  const auto figures =
      error_figures({table_of(plan::Precision::fp32, 3, 0.9)}, family::AnySpace::parse("residual:4-8"));
  EXPECT_EQ(figures.at("residual.cost.mean_error_percent").value, 3);
  EXPECT_EQ(figures.at("residual.cost.fp32_kendall_tau").value, 0.9);
  EXPECT_EQ(figures.size(), 4u);
}

TEST(CostTables, OfMemoryTheWorstPrecisionCounts) {
  cost::MemoryCosts costs;
  costs.of[plan::Precision::fp32].error = {.plans = 4, .mean_percent = 2, .max_percent = 9};
  costs.of[plan::Precision::int8].error = {.plans = 6, .mean_percent = 3, .max_percent = 7};
  const auto figures = memory_figures(costs);
  EXPECT_EQ(figures.at("memory.fp32_error_percent").value, 2);
  EXPECT_EQ(figures.at("memory.error_percent").value, 3);
  EXPECT_EQ(figures.at("memory.error_percent").n, 6);
  EXPECT_EQ(figures.at("memory.max_error_percent").value, 9);
  EXPECT_EQ(figures.at("memory.max_error_percent").n, 4);
}

}  // namespace
}  // namespace triage::workflow
