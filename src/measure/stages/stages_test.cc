#include "measure/stages/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "core/error.h"
#include "core/test_support.h"
#include "engine/testing/test_models.h"
#include "measure/energy/energy_counters.h"

namespace triage::measure {
namespace {

using engine::TestModel;
using testing::HasSubstr;

constexpr int kImages = 10;

// little (image, with a map), deeper (goes on from the map), big (image); measured for milliseconds only: what is
// tested is that every path runs and where its numbers land, not the numbers.
class StagesTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / std::format("triage_measure_test_{}", ::getpid());
    fs::create_directories(directory_);
    TestModel models[3] = {{.with_carry = true}, {.from_carry = true, .seed = 2}, {.seed = 3}};
    plan_ = {.name = "three", .input = {3, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
    plan_.policy = plan::PolicyKind::confidence;
    for (int s = 0; s < 3; ++s) {
      plan::Stage stage{.name = kNames[s], .arch = plan::ArchSpec::parse("6"), .feature_width = 6};
      stage.onnx = stage.name + ".onnx";
      if (s == 1) {
        stage.input = plan::StageInput::features;
        stage.source = 0;
      }
      stage.exit.threshold = 0.5;
      write_file_atomic(directory_ / stage.onnx, models[s].bytes());
      stage.sha256 = sha256_hex(models[s].bytes());
      plan_.stages.push_back(stage);
    }
    plan::save_plan(directory_, plan_);
    pixels_.resize(kImages * 60);
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<std::uint8_t>(i * 37);
    images_ = images_of_block(pixels_, {3, 4, 5}, "images");
    options_.measure = {.warmup_runs = 2,
                        .warmup_seconds = 0,
                        .window_seconds = 0,
                        .window_runs = 3,
                        .min_seconds = 0,
                        .min_runs = 9,
                        .max_runs = 30};
  }
  void TearDown() override { fs::remove_all(directory_); }
  std::string error() {
    return triage::error_of([&] { profile_plan(directory_, images_, options_); });
  }

  static constexpr const char* kNames[] = {"little", "deeper", "big"};
  fs::path directory_;
  plan::Plan plan_;
  std::vector<std::uint8_t> pixels_;
  std::vector<ImageView> images_;
  ProfileOptions options_;
};

TEST_F(StagesTest, EveryStageBatchAndThreadCountGetsItsRow) {
  options_.batches = {1, 4};
  options_.threads = {1, 2};
  std::size_t rounds = 0;
  const Profile profile = profile_plan(directory_, images_, options_, [&](std::size_t round) { rounds = round; });
  EXPECT_EQ(profile.table.entries.size(), 16u);  // (3 stages + the plan) x 2 x 2
  EXPECT_EQ(profile.evidence.size(), 16u);
  EXPECT_GE(rounds, 3u);
  EXPECT_THAT(profile.table.engine_version, testing::Not(testing::IsEmpty()));
  EXPECT_TRUE(profile.table.machine.contains("cpu"));
  for (const char* stage : {"little", "deeper", "big", "plan"}) {
    for (const int threads : {1, 2}) {
      for (const int batch : {1, 4}) {
        const cost::CostSample* entry = profile.table.find(
            cost::cost_key(stage, cost::kUsualEngine, cost::kUsualProvider, plan::Precision::fp32, threads, batch));
        ASSERT_NE(entry, nullptr) << stage << " " << threads << " " << batch;
        EXPECT_GE(entry->latency_us.count, 9u);
        EXPECT_LE(entry->latency_us.count, 30u);
        EXPECT_GT(entry->latency_us.min, 0);
        EXPECT_GT(entry->first_inference_us, 0);
        EXPECT_GT(entry->load_ms, 0);
      }
    }
  }
}

TEST_F(StagesTest, OnlyTheRowsAskedFor) {
  options_.only = {"plan", "deeper"};  // which starts from little's map all the same
  const Profile profile = profile_plan(directory_, images_, options_);
  ASSERT_EQ(profile.table.entries.size(), 2u);
  EXPECT_EQ(profile.table.entries[0].key.stage, "deeper");
  EXPECT_EQ(profile.table.entries[1].key.stage, "plan");
}

TEST_F(StagesTest, StagesOfAnUnfinishedPlanNeedNoPlanFile) {
  fs::remove(directory_ / "plan.json");
  const Profile profile = profile_stages(plan_, directory_, images_, options_);
  EXPECT_EQ(profile.table.entries.size(), 3u);
}

TEST_F(StagesTest, EachStageIsMeasuredBehindEachOther) {
  options_.behind = true;
  options_.batches = {1, 4};
  const Profile profile = profile_plan(directory_, images_, options_);
  for (const cost::CostSample& entry : profile.table.entries) {
    std::set<std::string> others;
    for (const cost::BehindTime& other : entry.behind) {
      EXPECT_GT(other.us, 0);
      others.insert(other.stage);
    }
    std::set<std::string> expected(std::begin(kNames), std::end(kNames));
    if (expected.erase(entry.key.stage) == 0 || entry.key.batch != 1) expected.clear();
    EXPECT_EQ(others, expected) << entry.key.stage << " at batch " << entry.key.batch;
  }
  options_.one_by_one = true;
  EXPECT_THAT(error(), HasSubstr("behind: expected stages that are timed in turns"));
}

TEST_F(StagesTest, LatencySummaryHoldsBatchOneWithTheFewestThreads) {
  options_.batches = {4, 1};
  options_.threads = {2, 1};
  const Profile profile = profile_plan(directory_, images_, options_);
  const Json summary = latency_summary(profile.table);
  EXPECT_EQ(summary["threads"], 1);
  EXPECT_EQ(summary["stages"].size(), 4u);
  const double median =
      profile.table.find(cost::cost_key("big", cost::kUsualEngine, cost::kUsualProvider, plan::Precision::fp32, 1, 1))
          ->latency_us.median;
  EXPECT_DOUBLE_EQ(summary["stages"]["big"]["median"].get<double>(), median);
}

// A counter that runs with the clock: 5 W, whatever is done.
TEST_F(StagesTest, EnergyIsMeasuredWithTheSourceThatIsThere) {
  FoundEnergy energy{nullptr, "not available: none"};
  options_.energy = &energy;
  options_.energy_options = {.rest_seconds = 0, .idle_seconds = 0.05, .window_seconds = 0.02};
  const Profile without = profile_plan(directory_, images_, options_);
  EXPECT_EQ(without.table.energy_source, "not available: none");
  for (const cost::CostSample& entry : without.table.entries) EXPECT_FALSE(entry.energy);

  std::vector<EnergyCounter> counters{{.name = "clock", .read = [] { return 5 * steady_seconds(); }}};
  energy = {std::make_unique<CounterSource>("fake", "a clock", counters), "fake: a clock"};
  const Profile with = profile_plan(directory_, images_, options_);
  EXPECT_EQ(with.table.energy_source, "fake: a clock");
  EXPECT_EQ(with.table.entries.size(), 4u);
  for (const cost::CostSample& entry : with.table.entries) {
    ASSERT_TRUE(entry.energy);
    EXPECT_GE(entry.energy->window_seconds, 0.06);
    EXPECT_NEAR(entry.energy->gross_uj * static_cast<double>(entry.energy->runs) / entry.energy->window_seconds, 5e6,
                0.5e6);
  }
}

TEST_F(StagesTest, BadRequestsAreNamed) {
  images_[2].height = 5;
  EXPECT_THAT(error(), HasSubstr("plan 'three': images[2]: found 5x5x3, expected 4x5x3"));
  images_[2].height = 4;
  options_.threads = {2};
  options_.cores = {0};
  EXPECT_THAT(error(), HasSubstr("2 threads pinned to 1 core(s)"));
  options_ = {};
  fs::remove(directory_ / "big.onnx");
  EXPECT_THAT(error(), HasSubstr("big.onnx"));
}

}  // namespace
}  // namespace triage::measure
