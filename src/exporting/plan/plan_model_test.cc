#include "exporting/plan/plan_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/test_support.h"
#include "exporting/onnx_engine.h"
#include "exporting/plan/plan_check.h"
#include "exporting/test_models.h"
#include "runtime/answers.h"

namespace triage::exporting {
namespace {

using ::testing::HasSubstr;
using testing::random_images;
using testing::random_stage;

constexpr plan::InputShape kInput{3, 8, 8};
constexpr int kPlanClasses = 4, kPlanImages = 24;

struct PlanCase {
  plan::Plan plan;
  std::vector<StageModel> models;
  std::vector<onnx::ModelProto> files;
};

void add_stage(PlanCase& made, StageModel model) {
  plan::Stage stage;
  stage.name = model.name;
  stage.arch = model.arch;
  stage.onnx = model.name + ".onnx";
  stage.feature_width = model.feature_width();
  if (model.exit) stage.exit = *model.exit;
  made.plan.stages.push_back(stage);
  made.files.push_back(stage_to_onnx(model));
  made.models.push_back(std::move(model));
}

void start_plan(PlanCase& made, plan::PolicyKind policy) {
  made.plan.name = "test";
  made.plan.input = kInput;
  for (int i = 0; i < kPlanClasses; ++i) made.plan.classes.push_back("class " + std::to_string(i));
  made.plan.policy = policy;
}

// One image through the plan, step by step, with the stage files and the runtime's answers and scores.
struct Step {
  int exit = 0;
  std::vector<float> logits, scores;  // logits: of the exit's own stage, or those whose softmax is the mean
};
Step walk(const PlanCase& made, const std::vector<Engine>& engines, std::span<const float> image) {
  Step step;
  std::vector<NamedOutputs> outputs;
  std::vector<std::vector<float>> answers;
  std::vector<const float*> so_far;
  for (std::size_t k = 0; k < engines.size(); ++k) {
    const auto& stage = made.plan.stages[k];
    const bool carried = stage.input == plan::StageInput::features;
    outputs.push_back(engines[k].run(carried ? outputs.at(stage.source).at("carry") : image, 1));
    step.exit = static_cast<int>(k);
    step.logits = outputs[k].at("logits");
    const bool last = k + 1 == engines.size();
    const auto temperature = static_cast<float>(stage.exit.temperature);
    runtime::calibrate(step.logits, temperature, answers.emplace_back(kPlanClasses));
    so_far.push_back(answers.back().data());
    std::vector<float> mean(kPlanClasses);
    const runtime::ExitAnswer exit(stage.exit, made.plan.policy, static_cast<int>(k), last);
    const auto answer = exit(step.logits, outputs[k].at(last ? "logits" : "features"), so_far, mean);
    if (!stage.exit.answer_weights.empty()) {
      for (int c = 0; c < kPlanClasses; ++c) step.logits[c] = std::log(mean[c]) * temperature;
    }
    if (last) break;
    step.scores.push_back(answer.score);
    if (!(step.scores.back() > stage.exit.threshold)) break;
  }
  return step;
}

// Thresholds between two scores each, so that a third of the images leaves at each exit and none is on the border.
void spread_thresholds(PlanCase& made, const std::vector<Engine>& engines, const std::vector<float>& images) {
  const std::size_t size = images.size() / kPlanImages;
  for (std::size_t k = 0; k + 1 < made.plan.stages.size(); ++k) {
    std::vector<float> scores;
    for (std::size_t later = k; later + 1 < made.plan.stages.size(); ++later)
      made.plan.stages[later].exit.threshold = -1;
    for (int i = 0; i < kPlanImages; ++i) {
      const auto step = walk(made, engines, std::span(images).subspan(i * size, size));
      if (step.scores.size() > k) scores.push_back(step.scores[k]);
    }
    ASSERT_GT(scores.size(), 2u);
    std::ranges::sort(scores);
    const std::size_t place = scores.size() / 3;
    made.plan.stages[k].exit.threshold = 0.5 * (double(scores[place]) + scores[place + 1]);
  }
}

void expect_steps(const PlanCase& made, const std::vector<Engine>& engines, const std::vector<float>& images,
                  const PlanModelOptions& options) {
  SCOPED_TRACE(std::format("batch {}", options.batch));
  const auto found = onnx_engine("plan", compose_plan(made.plan, made.files, options)).run(images, kPlanImages);
  ASSERT_EQ(found.at("exit").size(), std::size_t{kPlanImages});
  ASSERT_EQ(found.at("logits").size(), std::size_t{kPlanImages} * kPlanClasses);
  std::vector<int> exits(made.plan.stages.size());
  const std::size_t size = images.size() / kPlanImages;
  for (int i = 0; i < kPlanImages; ++i) {
    const auto step = walk(made, engines, std::span(images).subspan(i * size, size));
    EXPECT_EQ(found.at("exit")[i], step.exit) << "image " << i;
    const double temperature = options.calibrated ? made.plan.stages[step.exit].exit.temperature : 1;
    for (int c = 0; c < kPlanClasses; ++c)
      EXPECT_NEAR(found.at("logits")[i * kPlanClasses + c], step.logits[c] / temperature, 1e-5);
    ++exits[step.exit];
  }
  for (std::size_t k = 0; k < exits.size(); ++k) EXPECT_GT(exits[k], 0) << "no image left at exit " << k;
}

void expect_plan_equals_steps(PlanCase& made) {
  std::vector<Engine> engines;
  for (std::size_t k = 0; k < made.files.size(); ++k)
    engines.push_back(onnx_engine(made.plan.stages[k].name, made.files[k]));
  const auto images = random_images(kInput, kPlanImages, 99);
  spread_thresholds(made, engines, images);
  for (const PlanModelOptions& options :
       {PlanModelOptions{}, PlanModelOptions{.batch = 0}, PlanModelOptions{.batch = kPlanImages, .calibrated = true}})
    expect_steps(made, engines, images, options);
}

TEST(PlanModelTest, EqualsStepsForEveryPolicyAndDepth) {
  const char* names[] = {"little", "middle", "big"};
  const char* archs[] = {"4-6", "6-8,8", "8,8-12,12"};
  for (const plan::PolicyKind policy : plan::kPolicyKinds) {
    for (int stages = 1; stages <= 3; ++stages) {
      SCOPED_TRACE(to_string(policy) + ", stages: " + std::to_string(stages));
      PlanCase made;
      start_plan(made, policy);
      for (int k = 0; k < stages; ++k) {
        auto model = random_stage(names[k], archs[k], kInput, kPlanClasses, 20 + k);
        if (k + 1 == stages) {
          model.exit.reset();
          model.features_block = -1;
        }
        add_stage(made, std::move(model));
      }
      expect_plan_equals_steps(made);
    }
  }
}

TEST(PlanModelTest, EqualsStepsWhereExitsAnswerTogether) {
  for (const plan::PolicyKind policy : plan::kPolicyKinds) {
    SCOPED_TRACE(to_string(policy));
    PlanCase made;
    start_plan(made, policy);
    const char* archs[] = {"4-6", "6-8,8", "8,8-12,12"};
    for (int k = 0; k < 3; ++k)
      add_stage(made, random_stage(std::format("net {}", k), archs[k], kInput, kPlanClasses, 20 + k));
    made.plan.stages[1].exit.answer_weights = {0.25, 0.75};
    made.plan.stages[2].exit.answer_weights = {0.5, 0, 0.5};
    expect_plan_equals_steps(made);
  }
}

TEST(PlanModelTest, FeatureStageReadsTheCarriedMapOfAnOuterGraph) {
  PlanCase made;
  start_plan(made, plan::PolicyKind::margin);
  auto early = random_stage("early", "4-6-8", kInput, kPlanClasses, 31);
  auto late = early;
  early.last_block = 1;
  early.carry_block = 0;
  early.convs.resize(1);
  early.head_weight.assign(kPlanClasses * 4, 0.3f);
  for (std::size_t i = 0; i < early.head_weight.size(); i += 3) early.head_weight[i] = -0.7f;
  late.name = "late";
  late.first_block = 1;
  late.features_block = -1;
  late.exit.reset();
  late.convs.erase(late.convs.begin());
  add_stage(made, early);
  add_stage(made, random_stage("between", "5", kInput, kPlanClasses, 32));  // the map crosses one graph
  add_stage(made, late);
  made.plan.stages[2].input = plan::StageInput::features;
  made.plan.stages[2].source = 0;
  expect_plan_equals_steps(made);
}

TEST(PlanModelTest, ABatchThatAllLeaveEarly) {
  PlanCase made;
  start_plan(made, plan::PolicyKind::confidence);
  add_stage(made, random_stage("little", "4", kInput, kPlanClasses, 41));
  add_stage(made, random_stage("big", "6", kInput, kPlanClasses, 42));
  made.plan.stages[0].exit.threshold = 1;
  const auto images = random_images(kInput, kPlanImages, 98);
  const auto found = onnx_engine("plan", compose_plan(made.plan, made.files, {.batch = 0})).run(images, kPlanImages);
  EXPECT_THAT(found.at("exit"), ::testing::Each(0));
  EXPECT_EQ(found.at("exit").size(), std::size_t{kPlanImages});
}

TEST(PlanModelTest, FollowsThePlanNotTheStageFile) {
  PlanCase made;
  start_plan(made, plan::PolicyKind::entropy);  // the files were written for the learned policy
  add_stage(made, random_stage("little", "4", kInput, kPlanClasses, 41));
  auto big = random_stage("big", "6", kInput, kPlanClasses, 42);
  add_stage(made, big);  // a last stage with a score nobody reads
  const auto model = compose_plan(made.plan, made.files);
  for (const auto& node : model.graph().node()) EXPECT_NE(node.op_type(), "Sigmoid");
  EXPECT_EQ(metadata(model, "triage.policy"), "entropy");
  EXPECT_EQ(metadata(model, "triage.stages"), R"(["little","big"])");
  EXPECT_EQ(metadata(model, "triage.thresholds"), "[0.5]");
  EXPECT_EQ(metadata(model, "triage.temperatures"),
            Json({made.plan.stages[0].exit.temperature, made.plan.stages[1].exit.temperature}).dump());
  EXPECT_EQ(metadata(model, "triage.logits"), "raw");
  expect_plan_equals_steps(made);
}

std::string error_of(const PlanCase& made) {
  return triage::error_of([&] { compose_plan(made.plan, made.files); });
}

TEST(PlanModelTest, RefusesFilesOfAnotherPlan) {
  PlanCase good;
  start_plan(good, plan::PolicyKind::learned);
  add_stage(good, random_stage("little", "4", kInput, kPlanClasses, 51));
  add_stage(good, random_stage("big", "6", kInput, kPlanClasses, 52));
  auto made = good;
  made.plan.stages[1].arch = plan::ArchSpec::parse("8");
  EXPECT_THAT(error_of(made), HasSubstr("stage big: its file is for the net 6, the plan names 8"));
  made = good;
  made.plan.classes[0] = "cat";
  EXPECT_THAT(error_of(made), HasSubstr("stage little: its file has the classes"));
  made = good;
  made.files.pop_back();
  EXPECT_THAT(error_of(made), HasSubstr("found 1 stage models, expected 2"));
  made = good;
  made.plan.stages[1].input = plan::StageInput::features;
  made.plan.stages[1].source = 0;
  EXPECT_THAT(error_of(made), HasSubstr("stage little: its file has no output \"carry\""));
  made = good;
  made.plan.stages[0].exit.router.reset();
  EXPECT_THAT(error_of(made), HasSubstr("no router"));
}

class PlanDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    start_plan(made_, plan::PolicyKind::learned);
    add_stage(made_, random_stage("little", "4", kInput, kPlanClasses, 61));
    add_stage(made_, random_stage("big", "6", kInput, kPlanClasses, 62));
    for (std::size_t k = 0; k < 2; ++k) {
      auto& stage = made_.plan.stages[k];
      save_model(directory_ / stage.onnx, made_.files[k]);
      stage.sha256 = sha256_file(directory_ / stage.onnx);
    }
    plan::save_plan(directory_, made_.plan);
  }

  TempDir held_;
  fs::path directory_ = held_.path();
  PlanCase made_;
};

TEST_F(PlanDirectoryTest, ComposesFromFiles) {
  const auto model = compose_plan(directory_);
  save_model(directory_ / "plan.onnx", model);
  EXPECT_EQ(load_model(directory_ / "plan.onnx").SerializeAsString(), model.SerializeAsString());
}

class PlanCheckTest : public PlanDirectoryTest {
 protected:
  // Grey-level noise of growing contrast, and a threshold that splits it.
  void SetUp() override {
    PlanDirectoryTest::SetUp();
    Rng rng(71);
    pixels_.resize(std::size_t{kPlanImages} * kPixels);
    for (auto& value : pixels_) value = static_cast<std::uint8_t>(rng.below(256));
    for (int i = 0; i < kPlanImages; ++i)
      views_.push_back({pixels_.data() + i * kPixels, kInput.height, kInput.width, kInput.channels});
    std::vector<float> scores;
    set_threshold(2);  // all leave at the first exit
    const auto classifier = Classifier::load(directory_.string());
    ASSERT_TRUE(classifier) << classifier.error().message;
    for (const auto& view : views_) scores.push_back(classifier->classify(view)->score);
    std::ranges::sort(scores);
    set_threshold(0.5 * (double(scores[kPlanImages / 2]) + scores[kPlanImages / 2 + 1]));
  }

  void set_threshold(double threshold) {
    made_.plan.stages[0].exit.threshold = threshold;
    plan::save_plan(directory_, made_.plan);
  }

  static constexpr int kPixels = kInput.channels * kInput.height * kInput.width;
  std::vector<std::uint8_t> pixels_;
  std::vector<ImageView> views_;
};

TEST_F(PlanCheckTest, ComposedPlanDecidesLikeTheRuntime) {
  const auto check = check_plan_model(compose_plan(directory_), directory_, views_);
  EXPECT_TRUE(check.ok()) << check.first;
  EXPECT_EQ(check.images, std::size_t{kPlanImages});
  EXPECT_EQ(check.exits, (std::vector<std::size_t>{kPlanImages / 2 + 1, kPlanImages / 2 - 1}));
  EXPECT_LT(check.max_probability_error, 1e-5);
}

TEST_F(PlanCheckTest, ComposedPlanAnswersTogetherLikeTheRuntime) {
  made_.plan.stages[1].exit.answer_weights = {0.5, 0.5};
  plan::save_plan(directory_, made_.plan);
  const auto check = check_plan_model(compose_plan(directory_), directory_, views_);
  EXPECT_TRUE(check.ok()) << check.first;
  EXPECT_LT(check.max_probability_error, 1e-5);
}

TEST_F(PlanCheckTest, FindsAModelOfAnotherThreshold) {
  const auto model = compose_plan(directory_);
  set_threshold(2);
  const auto check = check_plan_model(model, directory_, views_);
  EXPECT_FALSE(check.ok());
  EXPECT_EQ(check.exit_disagreements, std::size_t{kPlanImages / 2 - 1});
  EXPECT_THAT(check.first, HasSubstr("found exit 1, expected 0 (the runtime's)"));
  EXPECT_EQ(to_json(check)["ok"], false);
}

TEST_F(PlanCheckTest, FindsAModelOfOtherWeights) {
  auto changed = made_;
  changed.models[1].head_bias[0] += 3;
  changed.files[1] = stage_to_onnx(changed.models[1]);
  const auto check = check_plan_model(compose_plan(changed.plan, changed.files), directory_, views_);
  EXPECT_EQ(check.exit_disagreements, 0u);
  EXPECT_EQ(check.label_disagreements + check.probability_disagreements, std::size_t{kPlanImages / 2 - 1});
}

TEST_F(PlanDirectoryTest, NamesADamagedStageFile) {
  auto bytes = read_file(directory_ / "big.onnx");
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomic(directory_ / "big.onnx", bytes);
  try {
    compose_plan(directory_);
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("big.onnx: damaged: found checksum"));
  }
  write_file_atomic(directory_ / "text.onnx", "this is no model");
  EXPECT_THROW(load_model(directory_ / "text.onnx"), Error);
}

}  // namespace
}  // namespace triage::exporting
