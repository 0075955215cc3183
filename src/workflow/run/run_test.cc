#include "workflow/run/run.h"

#include "workflow/run/run_test_support.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The least that results.json may hold.
results::Results least_results(const std::string& command) {
  results::Results least;
  least.plan.classes = {"cat"};
  least.plan.stages = {{.name = "little"}};
  least.provenance = {{"command", command}};
  least.test.operating_point.exit_share = {1};
  return least;
}

// Steps that only tell; the one named `fails` throws.
class FakeSteps {
 public:
  RunSteps steps(const std::string& fails = {}) {
    const auto say = [this, fails](const std::string& step) {
      done.push_back(step);
      if (step == fails) throw Interrupted("stopped in " + step);
    };
    return {.train = [say](const Workspace&) { say("train"); },
            .build = [say](const Workspace&) { say("build"); },
            .evaluate =
                [say](const Workspace&, const std::string& command) {
                  say("evaluate");
                  return least_results(command);
                },
            .report = [say](const Workspace&) -> std::vector<std::string> {
              say("report");
              return {"a note"};
            }};
  }
  std::vector<std::string> done;
};

TEST(RunAll, StepsFollowEachOther) {
  const RunBench bench;
  FakeSteps fake;
  const RunResult result = run_all(bench.workspace(kLittle), "triage run x", fake.steps());
  EXPECT_THAT(fake.done, ElementsAre("train", "build", "evaluate", "report"));
  EXPECT_EQ(result.results.provenance["command"], "triage run x");
  EXPECT_THAT(result.notes, ElementsAre("a note"));
  EXPECT_EQ(results::load_results(bench.run() / "results.json").provenance["command"], "triage run x");
}

class StoppedIn : public testing::TestWithParam<std::string> {};

TEST_P(StoppedIn, NothingFollowsAndTheSameCommandGoesThroughAllAgain) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kLittle);
  FakeSteps fake;
  EXPECT_EQ(error_of([&] { run_all(workspace, "c", fake.steps(GetParam())); }), "stopped in " + GetParam());
  EXPECT_EQ(fake.done.back(), GetParam());
  EXPECT_EQ(fs::exists(bench.run() / "results.json"), GetParam() == "report");
  FakeSteps again;
  run_all(workspace, "c", again.steps());
  EXPECT_THAT(again.done, ElementsAre("train", "build", "evaluate", "report"));
}
INSTANTIATE_TEST_SUITE_P(EachStep, StoppedIn, testing::Values("train", "build", "evaluate", "report"));

TEST(RunAll, TheRunIsHeldWhileItGoesOnAndFreeAfterwards) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kLittle);
  FakeSteps fake;
  RunSteps steps = fake.steps();
  std::string inside;
  steps.build = [&](const Workspace& w) { inside = error_of([&] { open_run(w.run, w.config); }); };
  run_all(workspace, "c", steps);
  EXPECT_THAT(inside, HasSubstr("found another process at it"));
  EXPECT_EQ(error_of([&] { open_run(workspace.run, workspace.config); }), "no error");
}

TEST(RunAll, ARunThatBeganOtherwiseIsRefusedBeforeItsFirstStep) {
  const RunBench bench;
  FakeSteps fake;
  run_all(bench.workspace(kLittle), "c", fake.steps());
  fake.done.clear();
  EXPECT_THAT(error_of([&] { run_all(bench.workspace(kLittle, {"seed=2"}), "c", fake.steps()); }),
              HasSubstr("this run began with another configuration"));
  EXPECT_TRUE(fake.done.empty());
}

TEST(OpenCheckedRun, WritesNothing) {
  const RunBench bench;
  open_checked_run(bench.config(kLittle + kBig, {"data.route=200"}), bench.run(), {});
  EXPECT_FALSE(fs::exists(bench.run()));
}

TEST(OpenCheckedRun, NeedsStagesAndTestImages) {
  const RunBench bench;
  EXPECT_THAT(error_of([&] { open_checked_run(bench.config("[supernet]\nspace = \"4:8:4\"\n"), bench.run(), {}); }),
              HasSubstr("expected at least one [[stage]]"));
  const RunBench untested;
  data::RawDataset raw = data::generate({.height = 16, .width = 16, .train_count = 400, .test_count = 20});
  raw.info.test_count = 0;
  raw.labels.resize(400);
  raw.pixels.resize(raw.pixels.size() / 420 * 400);
  data::write_dataset(raw, untested.data());
  EXPECT_THAT(error_of([&] { open_checked_run(untested.config(kLittle), untested.run(), {}); }), HasSubstr("test"));
}

}  // namespace
}  // namespace triage::workflow
