#include "workflow/config/run_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

TEST(RunConfig, HasDefaultsWhereTheFileSaysNothing) {
  const RunConfig config = run_config(kTwoStages);
  EXPECT_EQ(config.name, "pair");
  EXPECT_EQ(config.seed, 1u);
  EXPECT_TRUE(config.auto_precision);
  EXPECT_FALSE(config.policy);  // auto
  EXPECT_TRUE(config.answers_together);
  EXPECT_TRUE(config.single_net);
  EXPECT_EQ(config.metric, plan::Metric::accuracy);
  EXPECT_EQ(config.budgets, cost::Budgets{});
  EXPECT_FALSE(config.route || config.validation);
  EXPECT_FALSE(config.int8.range);
  ASSERT_EQ(config.stages.size(), 2u);
  EXPECT_EQ(config.stages[0].features_block, 0);  // of one block there is no second
  EXPECT_EQ(config.stages[1].features_block, 1);
}

TEST(RunConfig, TheRoutersSeedIsTheRuns) { EXPECT_EQ(run_config("seed = 9\n" + kTwoStages).router.seed, 9u); }

TEST(RunConfig, KeysOfTheRootAreChecked) {
  EXPECT_EQ(run_refusal("device = \"tpu\"\n" + kTwoStages),
            "c.toml:1: key 'device': expected auto, cpu or cuda, found 'tpu'");
  EXPECT_EQ(run_refusal("precision = \"fp16\"\n" + kTwoStages),
            "c.toml:1: key 'precision': expected auto, bf16 or fp32, found 'fp16'");
  EXPECT_EQ(run_refusal("threads = 1025\n" + kTwoStages),
            "c.toml:1: key 'threads': expected an integer from 0 to 1024, found 1025");
  EXPECT_EQ(run_refusal("seed = -1\n" + kTwoStages),
            "c.toml:1: key 'seed': expected an integer of 0 or more, found -1");
  EXPECT_THAT(run_refusal("checkpoint_seconds = \"1\"\n" + kTwoStages), HasSubstr("key 'checkpoint_seconds'"));
}

TEST(RunConfig, AnUnknownKeyIsNamedWithItsPlaceAndTheKnownOnes) {
  const std::string said = run_refusal("sede = 3\n" + kTwoStages);
  EXPECT_THAT(said, HasSubstr("c.toml:1: key 'sede' is unknown"));
  EXPECT_THAT(said, HasSubstr("seed"));
}

TEST(RunConfig, ANameIsNeededAndHasNoControlCharacters) {
  EXPECT_EQ(run_refusal("[data]\nfile = \"d\"\n"), "c.toml: key 'name' is missing");
  EXPECT_THAT(run_refusal("name = \"a\\nb\"\n[data]\nfile = \"d\"\n"),
              HasSubstr("expected a name without control characters"));
}

TEST(RunConfig, DataIsNeeded) {
  EXPECT_EQ(run_refusal("name = \"a\"\n"), "c.toml: key 'data' is missing");
  EXPECT_EQ(run_refusal("name = \"a\"\n[data]\n"), "c.toml:2: key 'data.file' is missing");
}

TEST(RunConfig, SplitsAreNumbersOrShares) {
  const RunConfig config = run_config(kTwoStages, {"data.route=5%", "data.validation=2500"});
  EXPECT_EQ(config.route->share, 0.05);
  EXPECT_EQ(config.validation->images, 2500u);
  EXPECT_EQ(run_config(kTwoStages, {"data.route=0.1"}).route->share, 0.1);
  EXPECT_THAT(run_refusal(kTwoStages, {"data.route=much"}), HasSubstr("key 'data.route': expected a number of images"));
  EXPECT_THAT(run_refusal(kTwoStages, {"data.route=0"}), HasSubstr("key 'data.route'"));
}

TEST(RunConfig, APlanNeedsStagesAndAFileASupernetOrStages) {
  EXPECT_EQ(run_refusal("name = \"a\"\n[data]\nfile = \"d\"\n"),
            "c.toml: expected a [supernet] or at least one [[stage]], found neither");
  EXPECT_THAT(error_of([] { run_config(kSupernet).require_stages(); }),
              HasSubstr("expected at least one [[stage]] to build a plan of, found none"));
}

TEST(RunConfig, ASettingTakesThePlaceOfWhatTheFileSaysAndIsKeptInItsText) {
  const RunConfig config = run_config(kTwoStages, {"seed=7", "stage.big.epochs=3"});
  EXPECT_EQ(config.seed, 7u);
  EXPECT_EQ(config.stages[1].train.epochs, 3);
  EXPECT_EQ(config.stages[0].train.epochs, train::TrainOptions().epochs);
  EXPECT_EQ(run_config(config.text).seed, 7u);  // what a run directory keeps
}

TEST(RunConfig, AStageIsFoundByItsName) {
  const RunConfig config = run_config(kTwoStages);
  EXPECT_EQ(&config.stage("big"), &config.stages[1]);
  EXPECT_THAT(error_of([&] { config.stage("huge"); }), HasSubstr("expected a [[stage]] named 'huge', found none"));
}

TEST(RunConfig, ARunDirectoryWithoutConfigurationIsNone) {
  const TempDir directory;
  EXPECT_THAT(error_of([&] { run_config_of(directory.path()); }),
              HasSubstr("expected a run directory with config.toml, found none"));
}

TEST(Int8Section, KeysAreReadAndChecked) {
  const RunConfig config = run_config(
      kTwoStages + "[int8]\nrange = \"percentile\"\npercentile = 99\nbias_correction = false\nimages = 12\n");
  EXPECT_EQ(config.int8.range, exporting::RangeMethod::percentile);
  EXPECT_EQ(config.int8.percentile, 99);
  EXPECT_FALSE(config.int8.bias_correction);
  EXPECT_EQ(config.int8_images, 12);
  EXPECT_FALSE(run_config(kTwoStages + "[int8]\nrange = \"best\"\n").int8.range);
  EXPECT_THAT(run_refusal(kTwoStages, {"int8.range=widest"}),
              HasSubstr("key 'int8.range': expected best, minmax, percentile or entropy, found 'widest'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"int8.percentile=49"}), HasSubstr("expected a number from 50 to 100"));
  EXPECT_THAT(run_refusal(kTwoStages, {"int8.images=0"}), HasSubstr("expected an integer from 1 to 1000000"));
  EXPECT_THAT(run_refusal(kTwoStages, {"int8.bias_correction=1"}), HasSubstr("expected true or false"));
  EXPECT_THAT(run_refusal(kTwoStages, {"int8.ranges=best"}), HasSubstr("key 'int8.ranges' is unknown"));
}

TEST(RouterSection, KeysAreReadAndChecked) {
  EXPECT_EQ(run_config(kTwoStages, {"router.folds=7"}).router.folds, 7);
  EXPECT_THAT(run_refusal(kTwoStages, {"router.folds=1"}), HasSubstr("key 'router.folds'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"router.hidden=64", "router.members=100"}),
              HasSubstr("key 'router.members': expected hidden times members of at most"));
  EXPECT_THAT(run_refusal(kTwoStages, {"router.layers=3"}), HasSubstr("key 'router.layers' is unknown"));
}

TEST(BuildSection, KeysAreRead) {
  const RunConfig config = run_config(kTwoStages + R"([build]
policy = "margin"
metric = "balanced"
max_drop = 0.01
profile_seconds = 0.5
[build.budget]
mean_mmac = 3
model_kb = 900
)");
  EXPECT_EQ(config.policy, plan::PolicyKind::margin);
  EXPECT_EQ(config.metric, plan::Metric::balanced);
  EXPECT_EQ(config.target.max_drop, 0.01);
  EXPECT_FALSE(config.target.latency_us || config.target.accuracy);
  EXPECT_EQ(config.profile_seconds, 0.5);
  EXPECT_EQ(config.budgets.mean_macs, 3e6);
  EXPECT_EQ(config.budgets.model_kb, 900);
  EXPECT_FALSE(config.budgets.mean_latency_us);
}

TEST(BuildSection, OfTheTargetsOnlyOneMayBeGiven) {
  EXPECT_THAT(run_refusal(kTwoStages, {"build.latency_us=100", "build.accuracy=0.9"}),
              HasSubstr("key 'build.accuracy': expected only one of latency_us, accuracy and max_drop"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.latency_us=100", "build.max_drop=0.1"}),
              HasSubstr("key 'build.max_drop': expected only one of"));
}

TEST(BuildSection, ValuesAreChecked) {
  EXPECT_THAT(run_refusal(kTwoStages, {"build.policy=guess"}), HasSubstr("build.policy"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.metric=f1"}), HasSubstr("build.metric"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.accuracy=92"}), HasSubstr("expected a number from 0 to 1, found 92"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.profile_seconds=0"}), HasSubstr("key 'build.profile_seconds'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.budget.mean_latency_us=0"}),
              HasSubstr("key 'build.budget.mean_latency_us'"));
  EXPECT_THAT(run_refusal(kTwoStages, {"build.budget.latency=3"}),
              HasSubstr("key 'build.budget.latency' is unknown; expected one of: mean_energy_uj, mean_latency_us, "
                        "mean_mmac, memory_kb, model_kb, p90_latency_us, worst_latency_us"));
}

TEST(RunDirectory, KeepsTheConfigurationItBeganWith) {
  const TempDir directory;
  const fs::path run = directory / "run";
  keep_config(run, "a = 1\n", "a.toml");
  EXPECT_EQ(read_file(run / "config.toml"), "a = 1\n");
  keep_config(run, "a = 2\n", "a.toml");  // nothing was made yet
  EXPECT_EQ(read_file(run / "config.toml"), "a = 2\n");
  write_file_atomic(run / "costs.json", "{}");
  keep_config(run, "a = 2\n", "a.toml");
  const std::string said = error_of([&] { keep_config(run, "a = 3\n", "b.toml"); });
  EXPECT_THAT(said, HasSubstr("this run began with another configuration than b.toml"));
  EXPECT_THAT(said, testing::Not(HasSubstr("--from")));  // there are no networks to go on from
  EXPECT_EQ(read_file(run / "config.toml"), "a = 2\n");
}

TEST(RunDirectory, ARunMayMoveToAnotherDevice) {
  const TempDir directory;
  const std::string cuda = "device = \"cuda\"\na = 1\n", cpu = "a = 1\ndevice = \"cpu\"\n";
  keep_config(directory.path(), cuda, "a.toml");
  write_file_atomic(directory / "metrics.jsonl", "");
  keep_config(directory.path(), cpu, "a.toml");
  EXPECT_EQ(read_file(directory / "config.toml"), cpu);
  keep_config(directory.path(), "a = 1\n", "a.toml");
  EXPECT_EQ(read_file(directory / "config.toml"), "a = 1\n");
  EXPECT_THAT(error_of([&] { keep_config(directory.path(), "a = 2\ndevice = \"cpu\"\n", "a.toml"); }),
              HasSubstr("began with another configuration"));
}

TEST(RunDirectory, OfATrainedRunTheRefusalTellsHowToGoOnFromIt) {
  const TempDir directory;
  keep_config(directory.path(), "a = 1\n", "a.toml");
  write_file_atomic(directory / "metrics.jsonl", "");
  EXPECT_THAT(error_of([&] { keep_config(directory.path(), "a = 3\n", "b.toml"); }),
              HasSubstr("--from " + directory.path().string()));
}

TEST(RunDirectory, IsHeldByOneAtATime) {
  const TempDir directory;
  RunConfig config;
  config.text = "a = 1\n";
  {
    const FileLock lock = open_run(directory.path(), config);
    EXPECT_THAT(error_of([&] { open_run(directory.path(), config); }),
                HasSubstr("expected a run that nobody works on, found another process at it"));
  }
  EXPECT_EQ(error_of([&] { open_run(directory.path(), config); }), "no error");  // free again
}

}  // namespace
}  // namespace triage::workflow
