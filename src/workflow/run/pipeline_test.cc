#include "workflow/run/pipeline.h"

#include "workflow/run/dry_run.h"
#include "workflow/run/run_test_support.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Trains nothing: remembers the jobs, and makes networks as they begin.
class FakeTrainer {
 public:
  Trainer trainer(const std::string& stopped_in = {}) {
    return {.train =
                [this, stopped_in](const train::TrainJob& job) {
                  if (job.name == stopped_in) throw Interrupted("stopped");
                  trained.push_back(job.name);
                  teachers[job.name] = job.teacher_identity;
                  has_teacher[job.name] = job.teacher != nullptr;
                  return train::TrainResult{.validation_accuracy = 0.5, .seconds = 60.0 * trained.size()};
                },
            .load =
                [this](const train::TrainJob& job, train::ComputeType) {
                  loaded.push_back(job.name);
                  return train::make_network(job);
                }};
  }
  std::vector<std::string> trained, loaded;
  std::map<std::string, Json> teachers;
  std::map<std::string, bool> has_teacher;
};

const std::string kTaught = "[[stage]]\nname = \"little\"\narch = \"4\"\nteacher = \"big\"\n" + kBig +
                            "[[stage]]\nname = \"mid\"\narch = \"4-4\"\nteacher = \"big\"\n";

TEST(TrainStages, TeachersComeFirstAndAreLoadedOnce) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kTaught);
  fs::create_directories(workspace.run);
  FakeTrainer fake;
  train_stages(workspace, fake.trainer());
  EXPECT_THAT(fake.trained, ElementsAre("big", "mid", "little"));
  EXPECT_THAT(fake.loaded, ElementsAre("big"));
  EXPECT_TRUE(fake.has_teacher["little"]);
  EXPECT_FALSE(fake.has_teacher["big"]);
  EXPECT_EQ(fake.teachers["little"], train::identity_of(workspace.job(workspace.config.stage("big"))));
}

TEST(TrainStages, ResultsAreInTheConfigurationsOrder) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kTaught);
  fs::create_directories(workspace.run);
  FakeTrainer fake;
  const std::vector<train::TrainResult> results = train_stages(workspace, fake.trainer());
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].seconds, 60);  // big: the first that was trained
  EXPECT_EQ(step_minutes(workspace.run, "train big"), 1);
  EXPECT_EQ(step_minutes(workspace.run, "train little"), 3);
}

TEST(TrainStages, AStopKeepsWhatWasTrained) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kTaught);
  fs::create_directories(workspace.run);
  FakeTrainer fake;
  EXPECT_THROW(train_stages(workspace, fake.trainer("mid")), Interrupted);
  EXPECT_THAT(fake.trained, ElementsAre("big"));
  EXPECT_TRUE(step_minutes(workspace.run, "train big"));
  EXPECT_FALSE(step_minutes(workspace.run, "train mid"));
}

TEST(TrainSupernet, IsTrainedWhereThereIsOne) {
  const RunBench bench;
  FakeTrainer fake;
  EXPECT_FALSE(train_supernet(bench.workspace(kLittle), fake.trainer()));
  const Workspace workspace = bench.workspace("[supernet]\nspace = \"4:8:4\"\n");
  fs::create_directories(workspace.run);
  EXPECT_TRUE(train_supernet(workspace, fake.trainer()));
  EXPECT_THAT(fake.trained, ElementsAre("supernet"));
}

TEST(TrainStages, AStageThatStartsFromWhatIsNotThereIsRefused) {
  const RunBench bench;
  const Workspace workspace = bench.workspace(kLittle + "from = \"no/such.pt\"\n");
  FakeTrainer fake;
  EXPECT_THAT(error_of([&] { train_stages(workspace, fake.trainer()); }), HasSubstr("no/such.pt"));
  EXPECT_TRUE(fake.trained.empty());
}

TEST(Precision, AutomaticIsKeptAsItWasWhenTheRunBegan) {
  const TempDir run;
  RunConfig config = run_config(kTwoStages);
  config.device = "cpu";
  const RunConfig fresh = resolve_precision(config, run.path());
  EXPECT_FALSE(fresh.auto_precision);
  EXPECT_THAT(fresh.text, HasSubstr("precision = \"" + std::string(train::to_string(fresh.precision)) + "\""));
  for (const train::ComputeType other : {train::ComputeType::bf16, train::ComputeType::fp32}) {  // on whatever machine
    std::string text = fresh.text;
    text.replace(text.find('"') + 1, 4, train::to_string(other));
    write_file_atomic(run / "config.toml", text);
    const RunConfig found = resolve_precision(config, run.path());
    EXPECT_EQ(found.precision, other);
    EXPECT_EQ(found.text, text);
  }
}

TEST(Precision, ARunOfBeforeTheChoiceIsInBf16AndItsTextStays) {
  const TempDir run;
  write_file_atomic(run / "config.toml", kTwoStages);
  const RunConfig found = resolve_precision(run_config(kTwoStages), run.path());
  EXPECT_EQ(found.precision, train::ComputeType::bf16);
  EXPECT_EQ(found.text, kTwoStages);
}

TEST(Precision, OneThatWasAskedForStays) {
  const TempDir run;
  const RunConfig config = run_config("precision = \"fp32\"\n" + kTwoStages);
  EXPECT_EQ(resolve_precision(config, run.path()).text, config.text);
}

TEST(Precision, ARunThatMovesKeepsItAndTakesTheNewDevice) {
  const TempDir run;
  for (const train::ComputeType began : {train::ComputeType::bf16, train::ComputeType::fp32}) {
    write_file_atomic(run / "config.toml",
                      std::format("device = \"cuda\"\nprecision = \"{}\"\n{}", train::to_string(began), kTwoStages));
    const RunConfig moved = resolve_precision(run_config("device = \"cpu\"\n" + kTwoStages), run.path());
    EXPECT_EQ(moved.precision, began);
    EXPECT_TRUE(same_but_device(moved.text, read_file(run / "config.toml")));
    EXPECT_THAT(moved.text, HasSubstr("device = \"cpu\""));
  }
}

TEST(Precision, WhereAutoIsWrittenItIsReplaced) {
  const TempDir run;
  const RunConfig config = resolve_precision(run_config("precision = \"auto\"\n" + kTwoStages), run.path());
  EXPECT_THAT(config.text, testing::Not(HasSubstr("auto")));
  EXPECT_EQ(run_config(config.text).precision, config.precision);
}

TEST(Device, ThatIsAbsentIsRefusedBeforeTheWork) {
  const RunBench bench;
  if (train::device_from_string("auto").is_cuda()) GTEST_SKIP() << "there is a GPU";
  EXPECT_THAT(error_of([&] { bench.workspace(kLittle, {"device=cuda"}); }),
              HasSubstr("device: expected a CUDA device, found none that this LibTorch"));
  EXPECT_FALSE(fs::exists(bench.run()));
}

TEST(PlanStageNames, ExitsHaveTheirNetworksNameAndTheirBlock) {
  EXPECT_THAT(plan_stage_names("net", {0, 2}), ElementsAre("net_exit0", "net_exit2", "net"));
  EXPECT_THAT(plan_stage_names("net", {}), ElementsAre("net"));
}

TEST(CheckRun, AcceptsWhatCanBeTrained) {
  const RunBench bench;
  EXPECT_EQ(error_of([&] { check_run(bench.workspace(kLittle + kBig, {"data.route=200"})); }), "no error");
}

TEST(CheckRun, RoutersNeedImagesForTheirFolds) {
  const RunBench bench;
  EXPECT_THAT(error_of([&] { check_run(bench.workspace(kLittle + kBig, {"data.route=4"})); }),
              HasSubstr("data.route: expected at least"));
  EXPECT_EQ(error_of([&] { check_run(bench.workspace(kLittle, {"data.route=4"})); }), "no error");  // nothing to route
}

TEST(CheckRun, TwoStagesOfThePlanNeverShareAName) {
  const RunBench bench;
  const std::string twins = kBig + "exits = [0]\n[[stage]]\nname = \"big_exit0\"\narch = \"8\"\n";
  EXPECT_THAT(error_of([&] { check_run(bench.workspace(twins, {"data.route=200"})); }),
              HasSubstr("stage 'big_exit0': expected names of its own for its stages of the plan, found a second "
                        "'big_exit0'"));
}

TEST(CheckRun, ASliceFitsTheSupernetThatIsNotTrainedYet) {
  const RunBench bench;
  const std::string supernet = "[supernet]\nspace = \"4:8:4-8\"\nbatch = 32\nresidual = true\n";
  EXPECT_THAT(error_of([&] { check_run(bench.workspace(supernet + kBig + "from = \"supernet\"\n")); }),
              HasSubstr("expected residual = true and head_scale"));
  EXPECT_EQ(error_of([&] { check_run(bench.workspace(supernet + kBig + "from = \"supernet\"\nresidual = true\n")); }),
            "no error");
  EXPECT_THROW(check_run(bench.workspace(supernet + kLittle + "from = \"supernet\"\nresidual = true\n")), Error);
}

TEST(CheckRun, AShiftHasTheSameClassesAndImages) {
  const RunBench bench, other({.classes = 3, .height = 16, .width = 16, .train_count = 40, .test_count = 8});
  EXPECT_THAT(error_of([&] { check_run(bench.workspace(kLittle, {"data.shift=" + other.data().string()})); }),
              HasSubstr("data.shift: expected images and classes as in"));
  EXPECT_EQ(error_of([&] { check_run(bench.workspace(kLittle, {"data.shift=/no/such/file"})); }), "no error");
}

TEST(RequireImages, OfAPlanNameTheFieldThatDiffers) {
  const RunBench bench;
  const Workspace w = bench.workspace(kLittle);
  plan::Plan plan;
  plan.provenance = {{"data", {{"sha256", w.dataset.info().sha256}}},
                     {"seed", w.config.seed},
                     {"splits", {{"route", w.splits.route.size()}, {"validation", w.splits.validation.size()}}}};
  EXPECT_EQ(error_of([&] { require_images_of(w, plan, "plan.json"); }), "no error");
  plan::Plan quantised = plan;
  quantised.provenance = {{"from", plan.provenance}};  // of a plan that was made from another
  EXPECT_EQ(error_of([&] { require_images_of(w, quantised, "plan.json"); }), "no error");
  quantised.provenance["from"]["seed"] = 99;
  EXPECT_THAT(error_of([&] { require_images_of(w, quantised, "plan.json"); }),
              HasSubstr("provenance/seed: expected 99, found 1"));
}

TEST(RequireImages, APlanThatDoesNotTellIsWarnedOf) {
  const RunBench bench;
  const HeardWarnings heard;
  require_images_of(bench.workspace(kLittle), plan::Plan{}, "untold.json");
  EXPECT_THAT(heard.texts(), ElementsAre("untold.json: does not say what images its nets were trained on"));
}

TEST(Workspace, ItsContextHearsOfTheSplitsAndStopsItsTrainings) {
  const RunBench bench;
  RecordingSink sink;
  Workspace w = bench.workspace(kLittle, {}, sink.context());
  w.splits.notes = {"a note"};
  say_split_notes(w);
  EXPECT_THAT(sink.said(), ElementsAre("message " + bench.data().string() + ": a note"));
  const train::TrainJob job = w.job(w.config.stages[0]);
  EXPECT_EQ(job.context.sink, &sink);
  EXPECT_FALSE(job.context.stop.requested());
  sink.stop();
  EXPECT_TRUE(job.context.stop.requested());
}

TEST(DryRun, EstimatesEveryNetworkAndWritesNothing) {
  const RunBench bench;
  const Workspace workspace = bench.workspace("[supernet]\nspace = \"4:8:4\"\n" + kTaught);
  std::vector<std::string> asked;
  const Json answer = dry_run(workspace, [&](const train::TrainJob& job, double) {
    asked.push_back(job.name);
    EXPECT_EQ(job.teacher != nullptr, job.name == "little" || job.name == "mid");  // one that is not trained yet
    return train::TrainEstimate{.images_per_second = 10, .seconds = 120};
  });
  EXPECT_THAT(asked, ElementsAre("supernet", "little", "big", "mid"));
  EXPECT_EQ(answer["networks"].size(), 4u);
  EXPECT_EQ(answer["training_minutes"], 8);
  EXPECT_EQ(answer["splits"]["train"], workspace.splits.train.size());
  EXPECT_FALSE(fs::exists(bench.run()));
}

}  // namespace
}  // namespace triage::workflow
