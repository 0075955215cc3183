#include "workflow/build/known_costs.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/test_support.h"

namespace triage::workflow {
namespace {

plan::Plan plan_of(const std::vector<std::string>& hashes) {
  plan::Plan plan;
  for (const std::string& hash : hashes) plan.stages.emplace_back().sha256 = hash;
  return plan;
}

// A run whose costs are of these stages at one thread.
struct MeasuredRun {
  TempDir run;
  MeasuredRun() {
    fs::create_directories(run / "checkpoint");
    write_file_atomic(run / "costs.json", "{\"a\": 1}");
    write_file_atomic(run / "latency.json", "{}");
    write_json(costs_key(run.path()), costs_made_from(plan_of({"x", "y"}), 1, run / "costs.json"));
  }
  bool known(const std::vector<std::string>& hashes, int threads) const {
    return are_measured(run.path(), plan_of(hashes), threads);
  }
};

TEST(KnownCosts, OfTheSameStagesAreTakenAgain) { EXPECT_TRUE(MeasuredRun().known({"x", "y"}, 1)); }

TEST(KnownCosts, OfOtherStagesOrThreadsAreMeasuredAnew) {
  const MeasuredRun measured;
  EXPECT_FALSE(measured.known({"x", "z"}, 1));
  EXPECT_FALSE(measured.known({"y", "x"}, 1));
  EXPECT_FALSE(measured.known({"x"}, 1));
  EXPECT_FALSE(measured.known({"x", "y"}, 2));
}

// A build that was killed between its costs and their key left costs of another plan.
TEST(KnownCosts, AnotherFileInTheirPlaceIsNotBelieved) {
  const MeasuredRun measured;
  write_file_atomic(measured.run / "costs.json", "{\"a\": 2}");
  EXPECT_FALSE(measured.known({"x", "y"}, 1));
}

TEST(KnownCosts, AllFilesBelongToThem) {
  for (const char* file : {"costs.json", "latency.json", "checkpoint/costs.key.json"}) {
    const MeasuredRun measured;
    fs::remove(measured.run / file);
    EXPECT_FALSE(measured.known({"x", "y"}, 1)) << file;
  }
}

TEST(KnownCosts, AKeyOfBeforeThatNamesNoFileIsUnderstood) {
  const MeasuredRun measured;
  Json key = read_json(costs_key(measured.run.path()));
  key.erase("costs");
  write_json(costs_key(measured.run.path()), key);
  EXPECT_TRUE(measured.known({"x", "y"}, 1));
}

}  // namespace
}  // namespace triage::workflow
