#include "serving/adaptation.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/test_support.h"
#include "engine/status.h"
#include "runtime/control/control_test_support.h"
#include "runtime/control/curve_file.h"
#include "serving/serving_test_support.h"

namespace triage::serving {
namespace {

using namespace testing_serving;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;

// A plan of two fake stages with the made-up curve beside it, served on the test's clock.
class AdaptationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plan::Plan plan = runtime::testing_executor::make_plan(setup_);
    for (plan::Stage& stage : plan.stages) stage.sha256 = std::string(64, 'a');
    plan::save_plan(directory_.path(), plan);
    save(runtime::made_up_curve());
  }
  void save(const PlanCurve& curve) const {
    runtime::save_curve(directory_.path() / runtime::kCurveFile, curve, plan::load_plan(directory_.path()),
                        {{"name", "none"}});
  }
  PlanToWatch to_watch() const { return {"pair", "1", directory_.path().string(), fake_.stages}; }
  void serve(AdaptationOptions options) {
    options.clock = [this] { return now_; };
    options.log = [this](const std::string& line) { lines_.push_back(line); };
    Watch watch = watch_adapting(to_watch(), options, 1);
    scheduler_ = std::make_unique<Scheduler>(fake_.stages, workers_,
                                             SchedulerOptions{.max_images = 4096, .clock = [this] { return now_; }},
                                             watch.observers);
    scheduler_->set_audit_share(watch.audit_share);
  }
  void ask(int images, double seconds_before_they_run) {
    Images asked(images);
    Asked answer;
    ASSERT_FALSE(scheduler_->submit(answer.request(asked.views)).refused);
    now_ += seconds_before_they_run;
    while (workers_->run_one()) {
    }
    EXPECT_EQ(answer.calls, 1);
  }
  std::vector<double> thresholds() const { return fake_.stages->thresholds().values(); }

  const std::vector<StageSetup> setup_ = std::vector<StageSetup>(2);
  TempDir directory_;
  double now_ = 100;
  FakeStages fake_ = fake_stages(setup_);
  std::shared_ptr<Workers> workers_ = std::make_shared<Workers>(0);
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::string> lines_;
};

TEST_F(AdaptationTest, ThresholdsFollowHowLongImagesWait) {
  const PlanCurve curve = runtime::made_up_curve();
  serve({.controller = ControllerOptions{.target_us = 10'000}});
  EXPECT_EQ(thresholds(), curve.points.back().thresholds);  // nothing waits
  ask(4, 0.02);
  EXPECT_EQ(thresholds(), curve.points.front().thresholds);  // they waited for 20 ms, twice the target
  for (int i = 0; i < 20; ++i) {
    now_ += 0.1;
    ask(1, 0);
  }
  EXPECT_EQ(thresholds(), curve.points.back().thresholds);
}

TEST_F(AdaptationTest, NeverBelowTheLeastAccuracy) {
  serve({.controller = ControllerOptions{.least_accuracy = 0.9199, .target_us = 10'000}});
  ask(4, 5);
  EXPECT_EQ(thresholds(), runtime::made_up_curve().points[10].thresholds);
}

TEST_F(AdaptationTest, AuditsEarlyLeaversAndLogs) {
  serve({.audit = AuditOptions{.share = 1, .window = 200}});
  const std::vector<double> before = thresholds();
  for (int i = 0; i < 8; ++i) ask(50, 0);
  EXPECT_EQ(thresholds(), before);  // an audit changes nothing
  ASSERT_GE(lines_.size(), 2u);
  // The fakes' stages always disagree, and their scores are of two values: both are noticed.
  EXPECT_THAT(lines_.back(), HasSubstr("pair: audit: "));
  std::string all;
  for (const std::string& line : lines_) all += line + "\n";
  EXPECT_THAT(all, HasSubstr("ALARM: less than promised"));
  EXPECT_THAT(all, HasSubstr("ALARM: other images"));
}

// Half of the fakes' images have a score of 0.0004, half one of 0.645: 20 % go on, as the plan's own point promises, at
// a threshold of 0.645 alone.
TEST_F(AdaptationTest, SolvedThresholdsAreAppliedWhereThatIsWanted) {
  serve({.audit = AuditOptions{.share = 0.01, .window = 200}, .apply_audit = true});
  for (int i = 0; i < 5; ++i) ask(50, 0);
  ASSERT_EQ(thresholds().size(), 1u);
  EXPECT_NEAR(thresholds()[0], 0.645, 0.001);
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("thresholds in force: 0.645")));
}

// The curve promises the fakes' scores. Unsure images alone are a drift; when the traffic is as it was, the curve's
// thresholds are in force again.
TEST_F(AdaptationTest, ThresholdsReturnWhenTheDriftEnds) {
  PlanCurve curve = runtime::made_up_curve();
  curve.plan = curve.points[10];  // the threshold that the plan has
  curve.scores[0] = {{0.001, 0.5}, {0.646, 1}};
  save(curve);
  serve({.audit = AuditOptions{.share = 0.01, .window = 200}, .apply_audit = true});
  const Images images(8);
  const std::vector<ImageView> unsure{images.views[1], images.views[3], images.views[5], images.views[7]};
  const auto ask_for = [&](const std::vector<ImageView>& views, int times) {
    for (int i = 0; i < times; ++i) {
      Asked answer;
      ASSERT_FALSE(scheduler_->submit(answer.request(views)).refused);
      while (workers_->run_one()) {
      }
    }
  };
  ask_for(images.views, 100);
  EXPECT_EQ(thresholds(), curve.plan.thresholds);
  ask_for(unsure, 200);
  EXPECT_NEAR(thresholds()[0], 0.645, 0.001);
  ask_for(images.views, 100);
  EXPECT_EQ(thresholds(), curve.plan.thresholds);
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("(the curve's again)")));
}

// The cheapest point that is allowed sends on what is above 0.5. All of these images are: though half of them go on at
// 0.645, none stays that the bound would send on.
TEST_F(AdaptationTest, AppliedThresholdsStayBetweenTheBounds) {
  serve({.controller = ControllerOptions{.least_accuracy = 0.9199, .target_us = 10'000},
         .audit = AuditOptions{.share = 0.01, .window = 200},
         .apply_audit = true});
  const Images images(8);
  const std::vector<ImageView> unsure{images.views[1], images.views[3], images.views[5], images.views[7]};
  for (int i = 0; i < 60; ++i) {
    Asked answer;
    ASSERT_FALSE(scheduler_->submit(answer.request(unsure)).refused);
    now_ += 5;  // far beyond the target
    while (workers_->run_one()) {
    }
  }
  EXPECT_THAT(thresholds(), testing::ElementsAre(0.5));
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("thresholds in force: 0.5000 (solved on live images)")));
}

TEST_F(AdaptationTest, OffByDefault) { EXPECT_TRUE(watch_adapting(to_watch(), {}, 1).observers.empty()); }

TEST_F(AdaptationTest, PlansWithoutACurveAndOfOneStage) {
  fs::remove(directory_.path() / runtime::kCurveFile);
  const AdaptationOptions options{.controller = ControllerOptions{},
                                  .log = [this](const std::string& line) { lines_.push_back(line); }};
  EXPECT_THAT(error_of([&] { watch_adapting(to_watch(), options, 1); }), HasSubstr("'triage curve"));
  PlanToWatch single = to_watch();
  single.stages = fake_stages(std::vector<StageSetup>(1)).stages;
  EXPECT_TRUE(watch_adapting(single, options, 1).observers.empty());
  EXPECT_THAT(lines_, testing::ElementsAre(HasSubstr("one stage")));
}

TEST(Slo, Text) {
  ControllerOptions options;
  set_slo(options, "p99=5ms");
  EXPECT_EQ(options.percentile, 99);
  EXPECT_EQ(options.target_us, 5000);
  set_slo(options, "p99.9=250us");
  EXPECT_EQ(options.percentile, 99.9);
  EXPECT_EQ(options.target_us, 250);
  set_slo(options, "p50=1.5s");
  EXPECT_EQ(options.target_us, 1.5e6);
  for (const char* text : {"", "p", "p99", "p99=", "p99=5", "p99=5m", "p99=-5ms", "p0=5ms", "p100=5ms", "99=5ms",
                           "p99=5ms ", "p99=nanms", "p99=1e9s", "pp=1s"})
    EXPECT_THAT(error_of([&] { set_slo(options, text); }), HasSubstr("such as p99=5ms")) << text;
}

TEST(Slo, Percentages) {
  EXPECT_DOUBLE_EQ(share_from_percent("90%"), 0.9);
  EXPECT_DOUBLE_EQ(share_from_percent("0.5%"), 0.005);
  for (const char* text : {"", "%", "90", "0.9", "101%", "-1%", "9 0%", "nan%"})
    EXPECT_THAT(error_of([&] { share_from_percent(text); }), HasSubstr("such as 90%")) << text;
}

}  // namespace
}  // namespace triage::serving
