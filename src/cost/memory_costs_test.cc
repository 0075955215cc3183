#include "cost/memory_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "cost/layers/relative_fit.h"

namespace triage::cost {
namespace {

using testing::HasSubstr;

TEST(MemoryFit, RecoversWhatMadeThePeaks) {
  const MemoryFit truth{
      .fixed_kb = 9000, .per_stage_kb = 400, .per_weight = 2.2, .per_largest_weight = 1.9, .per_activation = 2};
  std::vector<MemoryTerms> plans;
  std::vector<double> peaks;
  for (int i = 0; i < 24; ++i) {
    const double weights = 100.0 + 300 * (i * 7 % 24);
    plans.push_back({weights, weights * (5 + i * 3 % 5) / 10, 40.0 + 25 * (i * 5 % 11), 1 + i % 3});
    peaks.push_back(truth.predict_kb(plans.back()));
  }
  const MemoryFit found = fit_memory(plans, peaks);
  EXPECT_NEAR(found.fixed_kb, truth.fixed_kb, 1);
  EXPECT_NEAR(found.per_stage_kb, truth.per_stage_kb, 1);
  EXPECT_NEAR(found.per_weight, truth.per_weight, 0.01);
  EXPECT_NEAR(found.per_largest_weight, truth.per_largest_weight, 0.01);
  EXPECT_NEAR(found.per_activation, truth.per_activation, 0.01);
}

TEST(MemoryCosts, FileGoesThereAndBack) {
  MemoryCosts costs;
  costs.machine = {{"cpu", "a cpu"}};
  costs.engine_version = "1.2.3";
  costs.of[plan::Precision::fp32] = {{9000, 400, 2.5, 2, 1.5}, {6, 2, 3.5}};
  costs.of[plan::Precision::int8] = {{9500, 500, 6.5, 0, 0}, {6, 1, 2.5}};
  const MemoryCosts read = memory_costs_from_json(to_json(costs), "memory_costs.json");
  EXPECT_EQ(to_json(read), to_json(costs));
  EXPECT_EQ(read.of.at(plan::Precision::int8).fit.per_weight, 6.5);
  Json json = to_json(costs);
  json["precisions"]["int4"] = json["precisions"]["int8"];
  EXPECT_THAT(error_of([&] { memory_costs_from_json(json, "memory_costs.json"); }),
              HasSubstr("precisions: expected fp32 or int8, found 'int4'"));
  json = to_json(costs);
  json["precisions"]["fp32"]["fit"]["per_weight"] = -1;
  EXPECT_THAT(error_of([&] { memory_costs_from_json(json, "memory_costs.json"); }), HasSubstr("per_weight"));
}

TEST(FitRelative, RefusesWhatCannotBeFitted) {
  const std::vector<std::vector<double>> rows{{1, 2}};
  EXPECT_THAT(error_of([&] { fit_relative(rows, std::vector<double>{0}, "costs"); }),
              HasSubstr("costs: fit: expected values above 0, found 0"));
  EXPECT_THAT(error_of([&] { fit_relative({}, {}, "costs"); }), HasSubstr("costs: fit: expected measured stages"));
}

}  // namespace
}  // namespace triage::cost
