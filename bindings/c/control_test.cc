// Controller and audit of the C API against the C++ ones, told of the same.
#include <gmock/gmock.h>

#include <array>
#include <memory>

#include "core/rng.h"
#include "core/test_support.h"
#include "runtime/control/control_test_support.h"
#include "runtime/control/curve_file.h"
#include "runtime/executor_test_support.h"
#include "triage/audit.h"
#include "triage/controller.h"
#include "triage_control.h"

namespace triage::runtime {
namespace {

using testing::HasSubstr;

struct FreedAdaptation {
  void operator()(triage_controller* controller) const { triage_controller_free(controller); }
  void operator()(triage_audit* audit) const { triage_audit_free(audit); }
};

class CControl : public testing::Test {
 protected:
  CControl() {
    const std::vector<testing_executor::StageSetup> stages(2);
    plan::Plan plan = testing_executor::make_plan(stages);
    for (plan::Stage& stage : plan.stages) stage.sha256 = std::string(64, 'a');
    plan::save_plan(directory_.path(), plan);
    save_curve(directory_.path() / kCurveFile, made_up_curve(), plan, {{"name", "none"}});
  }
  std::unique_ptr<triage_controller, FreedAdaptation> controller(const triage_controller_options& options) {
    triage_controller* made = nullptr;
    EXPECT_EQ(triage_controller_make(plan().c_str(), &options, &made, &error_), TRIAGE_OK) << error_.message;
    return std::unique_ptr<triage_controller, FreedAdaptation>(made);
  }
  std::string plan() const { return directory_.path().string(); }

  TempDir directory_;
  triage_error error_ = TRIAGE_ERROR_INIT;
};

TEST_F(CControl, AControllerDecidesAsTheOneInCpp) {
  triage_controller_options options = TRIAGE_CONTROLLER_OPTIONS_INIT;
  options.least_accuracy = 0.91;
  options.target_us = 10'000;
  const auto own = controller(options);
  auto cpp = Controller::make(made_up_curve(), {.least_accuracy = 0.91, .target_us = 10'000});
  ASSERT_TRUE(own && cpp);
  Rng rng(3);
  int changes = 0;
  for (int i = 0; i < 500; ++i) {
    const double now = 0.01 * i, waiting = i % 100 < 20 ? 40 * rng.uniform() : 1;
    EXPECT_EQ(triage_controller_arrived(own.get(), now, 3, &error_), TRIAGE_OK);
    cpp->arrived(now, 3);
    EXPECT_EQ(triage_controller_served(own.get(), i % 2, 500, &error_), TRIAGE_OK);
    cpp->served(cpp->curve().path_us[static_cast<std::size_t>(i % 2)], 500);
    triage_state state = TRIAGE_STATE_INIT;
    state.seconds = now;
    state.waiting = waiting;
    triage_decision decision = TRIAGE_DECISION_INIT;
    ASSERT_EQ(triage_controller_decide(own.get(), &state, &decision, &error_), TRIAGE_OK) << error_.message;
    const ControllerDecision expected = cpp->decide({.seconds = now, .waiting = waiting});
    EXPECT_EQ(decision.point, expected.index);
    EXPECT_EQ(decision.changed, expected.changed ? 1 : 0);
    EXPECT_EQ(decision.accuracy, expected.point->accuracy);
    EXPECT_EQ(decision.mean_latency_us, expected.point->mean_latency_us);
    ASSERT_EQ(decision.threshold_count, 1u);
    EXPECT_EQ(decision.thresholds[0], expected.point->thresholds[0]);
    changes += decision.changed;
  }
  EXPECT_GT(changes, 2);
}

TEST_F(CControl, AnAuditSaysWhatTheOneInCppSays) {
  triage_audit_options options = TRIAGE_AUDIT_OPTIONS_INIT;
  options.share = 0.1;
  options.window = 500;
  triage_audit* made = nullptr;
  ASSERT_EQ(triage_audit_make(plan().c_str(), &options, &made, &error_), TRIAGE_OK) << error_.message;
  const std::unique_ptr<triage_audit, FreedAdaptation> own(made);
  auto cpp = Audit::make(made_up_curve(), {.share = 0.1, .window = 500});
  ASSERT_TRUE(cpp);
  EXPECT_EQ(triage_audit_in_force(own.get(), 7, &error_), TRIAGE_OK);
  cpp->in_force(made_up_curve().points[7]);
  Rng rng(4);
  for (int i = 0; i < 3000; ++i) {
    const auto score = static_cast<float>(rng.uniform() * rng.uniform());
    EXPECT_EQ(triage_audit_passed(own.get(), &score, 1, &error_), TRIAGE_OK);
    cpp->passed({&score, 1});
    std::int32_t wanted = -1;
    EXPECT_EQ(triage_audit_wanted(own.get(), &wanted, &error_), TRIAGE_OK);
    ASSERT_EQ(wanted == 1, cpp->wanted());
    if (wanted == 0) continue;
    EXPECT_EQ(triage_audit_sampled(own.get(), &score, 1, &error_), TRIAGE_OK);
    EXPECT_EQ(triage_audit_compared(own.get(), 0, i % 3 == 0, &error_), TRIAGE_OK);
    cpp->sampled({&score, 1});
    cpp->compared(0, i % 3 == 0);
  }
  double threshold = -2;
  triage_audit_summary summary = TRIAGE_AUDIT_SUMMARY_INIT;
  summary.thresholds = &threshold;
  summary.threshold_count = 1;
  ASSERT_EQ(triage_audit_get_summary(own.get(), &summary, &error_), TRIAGE_OK) << error_.message;
  const AuditSummary expected = cpp->summary();
  EXPECT_EQ(std::tuple(summary.images, summary.audited, summary.agreement_alarms, summary.score_alarms),
            std::tuple(expected.images, expected.audited, expected.agreement_alarms, expected.score_alarms));
  EXPECT_EQ(
      std::tuple(summary.agreement, summary.agreement_low, summary.agreement_high, summary.promised_agreement),
      std::tuple(expected.agreement, expected.agreement_low, expected.agreement_high, expected.promised_agreement));
  EXPECT_EQ(std::tuple(summary.score_distance, summary.score_limit, summary.score_exit),
            std::tuple(expected.score_distance, expected.score_limit, expected.score_exit));
  EXPECT_EQ(threshold, expected.thresholds[0]);
  EXPECT_GT(summary.score_alarms, 0u);
  EXPECT_GT(summary.agreement_alarms, 0u);
}

TEST_F(CControl, WhatIsMissingIsNamed) {
  const auto text = [&](triage_code expected, triage_code found) {
    EXPECT_EQ(found, expected) << error_.message;
    return std::string(error_.message);
  };
  triage_controller_options options = TRIAGE_CONTROLLER_OPTIONS_INIT;
  const auto own = controller(options);
  triage_controller* none = own.get();
  options.least_accuracy = 0.99;
  EXPECT_THAT(text(TRIAGE_BAD_INPUT, triage_controller_make(plan().c_str(), &options, &none, &error_)),
              HasSubstr("at least 99.00 %"));
  EXPECT_EQ(none, nullptr);
  options.struct_size = 8;
  EXPECT_THAT(text(TRIAGE_BAD_INPUT, triage_controller_make(plan().c_str(), &options, &none, &error_)),
              HasSubstr("options: struct_size: found 8"));
  triage_state state = TRIAGE_STATE_INIT;
  EXPECT_EQ(text(TRIAGE_BAD_INPUT, triage_controller_decide(own.get(), &state, nullptr, &error_)),
            "decision: found NULL");
  EXPECT_EQ(text(TRIAGE_BAD_INPUT, triage_controller_served(own.get(), 2, 5, &error_)),
            "exit: found 2, expected 0 to 1");
  EXPECT_EQ(text(TRIAGE_BAD_INPUT, triage_controller_arrived(nullptr, 0, 1, &error_)), "controller: found NULL");
  triage_audit* made = nullptr;
  ASSERT_EQ(triage_audit_make(plan().c_str(), nullptr, &made, &error_), TRIAGE_OK);
  const std::unique_ptr<triage_audit, FreedAdaptation> audit(made);
  EXPECT_EQ(triage_audit_in_force(audit.get(), TRIAGE_OWN_POINT, &error_), TRIAGE_OK);
  EXPECT_THAT(text(TRIAGE_BAD_INPUT, triage_audit_in_force(audit.get(), 21, &error_)), HasSubstr("0 to 20"));
  const std::array<float, 2> scores{};
  EXPECT_EQ(text(TRIAGE_BAD_INPUT, triage_audit_sampled(audit.get(), scores.data(), 2, &error_)),
            "count: found 2, expected 1, one score per exit but the last");
  fs::remove(directory_.path() / kCurveFile);
  EXPECT_THAT(text(TRIAGE_NOT_FOUND, triage_audit_make(plan().c_str(), nullptr, &made, &error_)),
              HasSubstr("'triage curve"));
  triage_controller_free(nullptr);
  triage_audit_free(nullptr);
}

}  // namespace
}  // namespace triage::runtime
