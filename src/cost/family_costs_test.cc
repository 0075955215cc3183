#include "cost/family_costs.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::cost {
namespace {

class Always : public CostModel {
 public:
  explicit Always(double us) : us_(us) {}
  StageCost stage(const Segment&) const override { return {.latency_us = us_}; }
  Json identity() const override { return {{"us", us_}}; }

 private:
  double us_;
};

double us(const CostModel& costs, const char* arch) {
  return costs.stage({.arch = family::ArchSpec::parse(arch)}).latency_us;
}

TEST(FamilyCosts, EachFamilyHasItsModel) {
  const FamilyCosts costs({{"plain", std::make_shared<Always>(3)}, {"residual", std::make_shared<Always>(5)}});
  EXPECT_EQ(us(costs, "8-16"), 3);
  EXPECT_EQ(us(costs, "residual:8-16"), 5);
  EXPECT_EQ(error_of([&] { us(costs, "mbconv:8-16e1"); }),
            "stage 'mbconv:8-16e1': expected costs of the family mbconv, found none");
  EXPECT_EQ(costs.identity().dump(), R"({"plain":{"us":3.0},"residual":{"us":5.0}})");
}

TEST(FamilyCosts, OfOneAreItsOwn) {
  EXPECT_EQ(FamilyCosts({{"mbconv", std::make_shared<Always>(3)}}).identity().dump(), R"({"us":3.0})");
  EXPECT_THROW(FamilyCosts({}), Error);
  EXPECT_THROW(FamilyCosts({{"plain", nullptr}}), Error);
}

}  // namespace
}  // namespace triage::cost
