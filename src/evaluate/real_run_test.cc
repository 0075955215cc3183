#include "evaluate/real_run.h"

#include <gtest/gtest.h>

#include <map>

#include "core/test_support.h"

namespace triage::evaluate {
namespace {

// A clock that the fake classifiers push: leaving at exit 0 takes 10 µs, at exit 1 50 µs, and the whole machine gets
// slower with every call.
struct FakeMachine {
  double now = 0, slow = 1;
  std::map<std::string, int> calls;
  ClassifyRow run(const std::string& name, std::function<Expected(std::uint32_t)> answer) {
    return [this, name, answer](std::uint32_t row) {
      const Expected outcome = answer(row);
      now += slow * (outcome.exit == 0 ? 10 : 50);
      slow *= 1.0005;
      ++calls[name];
      return outcome;
    };
  }
};

struct RealRunTest : testing::Test {
  FakeMachine machine;
  std::vector<Expected> expected;
  RealRunTest() {
    for (std::uint8_t i = 0; i < 100; ++i) expected.push_back({static_cast<std::uint8_t>(i % 4 == 0), i});
  }
  results::RealRun run(const std::function<Expected(std::uint32_t)>& plan, const RealRunOptions& options) {
    const auto forced = [&](std::uint8_t exit) {
      return machine.run("forced", [this, exit](std::uint32_t row) { return Expected{exit, expected[row].label}; });
    };
    return measure(
        machine.run("plan", plan), std::vector{forced(0), forced(1)}, expected, [this] { return machine.now; },
        options);
  }
};

TEST_F(RealRunTest, DriftHitsPredictionAndMeasurementAlike) {
  const results::RealRun out =
      run([this](std::uint32_t row) { return expected[row]; }, {.images = 1000, .window = 20, .warm_up = 7});
  EXPECT_EQ(machine.calls["plan"], 1007);
  EXPECT_EQ(machine.calls["forced"], 2 * 1007);
  EXPECT_GT(out.measured_us, 1.3 * 20);  // a quarter leaves at exit 1: 20 µs on a machine that does not slow down
  EXPECT_LT(std::abs(out.error_percent()), 3);
  EXPECT_NEAR(out.path_us[1] / out.path_us[0], 5, 0.25);
  EXPECT_EQ(out.agreement, 1);
  EXPECT_FALSE(out.stable);
}

TEST_F(RealRunTest, ExactOnASteadyClock) {
  machine.slow = 0;  // calls cost nothing but what the plan below adds
  const auto steady = [this](std::uint8_t exit) {
    return [this, exit](std::uint32_t row) {
      machine.now += exit == 0 ? 10 : 50;
      return Expected{exit, expected[row].label};
    };
  };
  const std::vector<ClassifyRow> forced{steady(0), steady(1)};
  const results::RealRun out = measure([&](std::uint32_t row) { return steady(expected[row].exit)(row); }, forced,
                                       expected, [this] { return machine.now; }, {.images = 250, .window = 64});
  EXPECT_EQ(out.path_us, (std::vector<double>{10, 50}));
  EXPECT_NEAR(out.measured_us, out.predicted_us, 1e-9);  // the same images, whatever remainder of the split was taken
  EXPECT_EQ(out.images, 250u);
  EXPECT_TRUE(out.stable);
}

TEST(RealRunAlone, AStageIsWhatItsPathAdds) {
  plan::Plan plan;
  plan.stages.resize(3);
  plan.stages[1].input = plan::StageInput::features;
  plan.stages[1].source = 0;
  EXPECT_EQ(alone_from_paths(plan, std::vector<double>{10, 25, 100}), (std::vector<double>{10, 25, 75}));
}

TEST_F(RealRunTest, CountsDisagreement) {
  const auto wrong = [this](std::uint32_t row) {
    Expected out = expected[row];
    if (row < 10) ++out.label;
    if (row >= 10 && row < 15) out.exit = 1 - out.exit;
    return out;
  };
  EXPECT_NEAR(run(wrong, {.images = 100}).agreement.value(), 0.85, 1e-12);
}

TEST_F(RealRunTest, SettingsTakeTurnsOverTheSameImages) {
  std::vector<std::pair<std::size_t, std::uint32_t>> said;
  const auto answer = [this](std::uint32_t row) { return expected[row]; };
  const std::vector<ClassifyRow> both{machine.run("a", answer), machine.run("b", answer)};
  times_in_turns(
      both, 10, [this] { return machine.now; }, {.images = 8, .window = 2, .warm_up = 3},
      [&](std::size_t setting, std::uint32_t row, const Expected&) { said.emplace_back(setting, row); });
  ASSERT_EQ(said.size(), 16u);  // without those of the warm-up
  EXPECT_EQ(machine.calls["a"], 8 + 3);
  for (std::size_t window = 0; window < 4; ++window) {
    const std::size_t at = 4 * window;
    EXPECT_EQ(said[at].first, window % 2);  // no setting always comes first
    EXPECT_EQ(said[at + 2].first, 1 - window % 2);
    EXPECT_EQ(said[at].second, said[at + 2].second);
    EXPECT_EQ(said[at + 1].second, said[at + 3].second);
  }
}

TEST_F(RealRunTest, MoreImagesThanTheSplitHasGoRoundAgain) {
  const std::vector<ClassifyRow> one{machine.run("a", [this](std::uint32_t row) { return expected[row]; })};
  std::map<std::uint32_t, int> seen;
  times_in_turns(
      one, 5, [this] { return machine.now; }, {.images = 15, .warm_up = 0},
      [&](std::size_t, std::uint32_t row, const Expected&) { ++seen[row]; });
  EXPECT_EQ(seen, (std::map<std::uint32_t, int>{{0, 3}, {1, 3}, {2, 3}, {3, 3}, {4, 3}}));
}

TEST_F(RealRunTest, NoImagesAreRefused) {
  const std::vector<ClassifyRow> one{machine.run("a", [](std::uint32_t) { return Expected{}; })};
  const auto clock = [this] { return machine.now; };
  EXPECT_EQ(error_of([&] { times_in_turns(one, 0, clock, {}); }), "real run: no images to classify");
  EXPECT_EQ(error_of([&] { times_in_turns(one, 5, clock, {.images = 0}); }), "real run: no images to classify");
}

// A forced exit whose later half takes longer by a tenth of the mean or more is no steady measurement.
TEST_F(RealRunTest, ADisturbedHalfIsNotStable) {
  const auto run_with = [&](double later) {
    int calls = 0;
    const auto forced = [&](std::uint32_t row) {
      machine.now += calls++ < 50 ? 100 : later;
      return expected[row];
    };
    return measure([this](std::uint32_t row) { return expected[row]; }, std::vector<ClassifyRow>{forced},
                   std::vector<Expected>(100), [this] { return machine.now; }, {.images = 100, .warm_up = 0});
  };
  EXPECT_TRUE(run_with(109).stable);
  EXPECT_FALSE(run_with(115).stable);
}

}  // namespace
}  // namespace triage::evaluate
