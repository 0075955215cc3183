#include "serving/http/plan_curves.h"

#include <gtest/gtest.h>

#include "core/test_support.h"
#include "runtime/control/control_test_support.h"
#include "runtime/control/curve_file.h"

namespace triage::serving {
namespace {

TEST(PlanCurves, ThoseOfPlansThatHaveOne) {
  const TempDir directory;
  fs::copy(fs::path(TRIAGE_ZOO) / "cifar10-pair" / "plan.json", directory / "plan.json");
  PlanCurves curves;
  const PlanToWatch plan{"pair", "1", directory.path().string(), nullptr};
  curves.read(plan);
  EXPECT_EQ(curves.find("pair", "1"), nullptr);
  runtime::save_curve(directory / "curve.json", runtime::made_up_curve(), plan::load_plan(directory.path()),
                      {{"name", "none"}});
  curves.read(plan);
  const std::shared_ptr<const PlanCurve> curve = curves.find("pair", "1");
  ASSERT_NE(curve, nullptr);
  EXPECT_EQ(curve->points.size(), runtime::made_up_curve().points.size());
  EXPECT_EQ(curves.find("pair", "2"), nullptr);
}

}  // namespace
}  // namespace triage::serving
