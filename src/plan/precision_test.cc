#include "plan/precision.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::plan {
namespace {

TEST(Precision, WordsGoThereAndBack) {
  for (const Precision precision : {Precision::fp32, Precision::int8})
    EXPECT_EQ(precision_from_string(to_string(precision), "here"), precision);
  EXPECT_EQ(error_of([] { precision_from_string("bf16", "plan.json: stages[0].precision"); }),
            "plan.json: stages[0].precision: expected fp32 or int8, found 'bf16'");
}

}  // namespace
}  // namespace triage::plan
