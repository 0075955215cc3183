#include "cost/precision_costs.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::cost {
namespace {

class Flat : public CostModel {  // the same for every stage
 public:
  explicit Flat(double us) : us_(us) {}
  StageCost stage(const Segment&) const override { return {.latency_us = us_}; }
  Json identity() const override { return {{"us", us_}}; }

 private:
  double us_;
};

TEST(PrecisionCosts, EachPrecisionHasItsModel) {
  const PrecisionCosts costs(
      {{plan::Precision::fp32, std::make_shared<Flat>(3)}, {plan::Precision::int8, std::make_shared<Flat>(1)}});
  Segment stage{.arch = family::ArchSpec::parse("8-16")};
  EXPECT_EQ(costs.stage(stage).latency_us, 3);
  stage.precision = plan::Precision::int8;
  EXPECT_EQ(costs.stage(stage).latency_us, 1);
  EXPECT_EQ(costs.identity(), (Json{{"fp32", {{"us", 3.0}}}, {"int8", {{"us", 1.0}}}}));
}

TEST(PrecisionCosts, AMissingPrecisionIsNamed) {
  const PrecisionCosts costs({{plan::Precision::fp32, std::make_shared<Flat>(3)}});
  const Segment stage{.arch = family::ArchSpec::parse("8-16"), .precision = plan::Precision::int8};
  EXPECT_EQ(error_of([&] { costs.stage(stage); }),
            "stage '8-16/int8': expected costs in int8, found none in that precision");
  EXPECT_EQ(costs.identity(), (Json{{"us", 3.0}}));  // alone: as the model itself
  EXPECT_NE(error_of([] { PrecisionCosts none({}); }).find("found none"), std::string::npos);
}

TEST(StageSize, Int8IsAByteAWeight) {
  Segment stage{.arch = family::ArchSpec::parse("8-16")};
  const StageSize fp32 = stage_size(stage, {}, 10);
  stage.precision = plan::Precision::int8;
  const StageSize int8 = stage_size(stage, {}, 10);
  EXPECT_EQ(fp32.weight_bytes, fp32.parameters * 4);
  // 3x3 weights in bytes, a scale and a bias of four bytes each for 8 and 16 channels, the head of 16 inputs in fp32
  EXPECT_EQ(int8.weight_bytes, 9 * (3 * 8 + 8 * 16) + 8 * (8 + 16) + 4 * 17 * 10);
  EXPECT_EQ(int8.activation_bytes * 4, fp32.activation_bytes);
}

}  // namespace
}  // namespace triage::cost
