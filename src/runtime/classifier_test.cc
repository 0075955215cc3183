#include "triage/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

#include "core/files/file.h"
#include "core/system/limits.h"
#include "core/test_support.h"
#include "engine/compiled/compiled_session.h"
#include "engine/session.h"
#include "engine/testing/test_models.h"
#include "engine/testing/test_program.h"
#include "plan/plan.h"
#include "runtime/convert.h"
#include "runtime/score.h"
#include "runtime/test_two_engines.h"

namespace triage::runtime {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

// A plan of three stages on disk: little (image, with a carry), deeper (an early exit on little's carry), big (image).
class ClassifierTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / std::format("triage_classifier_test_{}", ::getpid());
    fs::create_directories(directory_);
    models_[0].with_carry = true;
    models_[1].from_carry = true;
    models_[1].seed = 2;
    models_[2].seed = 3;
    plan_ = {.name = "three", .input = {3, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
    plan_.policy = plan::PolicyKind::learned;
    for (int s = 0; s < 3; ++s) {
      plan::Stage stage{.name = kNames[s], .arch = plan::ArchSpec::parse("6"), .feature_width = 6};
      stage.onnx = stage.name + ".onnx";
      if (s == 1) {
        stage.input = plan::StageInput::features;
        stage.source = 0;
      }
      if (s < 2) stage.exit.router = router(s);
      stage.exit.temperature = 0.5 + s;
      stage.exit.threshold = 0.5;
      plan_.stages.push_back(stage);
      write_model(s, models_[s].bytes());
    }
    save();
  }
  void TearDown() override { fs::remove_all(directory_); }

  plan::Router router(int s) const {
    const engine::TestModel source{.seed = 40u + s};
    plan::Router made{
        .feature_width = 6, .hidden = 5, .mean = std::vector<float>(9, 0.2f), .scale = std::vector<float>(9, 2)};
    made.weight1 = source.weights(45, 0);
    made.bias1 = source.weights(5, 1);
    made.weight2 = source.weights(5, 2);
    return made;
  }
  void write_model(int s, const std::string& bytes) {
    write_file_atomic(directory_ / plan_.stages[s].onnx, bytes);
    plan_.stages[s].sha256 = sha256_hex(bytes);
  }
  void save() { plan::save_plan(directory_, plan_); }
  std::string load_error(ErrorCode code, const ClassifierOptions& options = {}) const {
    const auto loaded = Classifier::load(directory_.string(), options);
    if (loaded) return "no error";
    EXPECT_EQ(loaded.error().code, code) << loaded.error().message;
    return loaded.error().message;
  }

  static constexpr const char* kNames[] = {"little", "deeper", "big"};
  fs::path directory_;
  engine::TestModel models_[3];
  plan::Plan plan_;
};

TEST_F(ClassifierTest, OutcomesAreThoseOfThePlanStepByStep) {
  constexpr int kCount = 100;
  std::vector<std::uint8_t> pixels(kCount * 60);
  unsigned state = 1;
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  // Half of the images are flat, so that features, and with them exits, differ.
  for (int i = 0; i < kCount / 2; ++i) std::fill_n(&pixels[i * 60], 60, static_cast<std::uint8_t>(i * 5));
  std::vector<ImageView> views;
  for (int i = 0; i < kCount; ++i) views.push_back({&pixels[i * 60], 4, 5, 3});

  // What every stage would say of every image, by the plain loops of TestModel.
  std::vector<Outcome> expected[3];
  for (int s = 0; s < 3; ++s) {
    const plan::Exit& exit = plan_.stages[s].exit;
    std::vector<float> scores;
    for (int i = 0; i < kCount; ++i) {
      std::vector<float> input(60);
      to_input(views[i], input.data());
      if (s == 1) input = models_[0].carry(input);
      const Evidence seen = evidence(models_[s].logits(input), static_cast<float>(exit.temperature));
      const float score = s < 2 ? router_score(*exit.router, models_[s].pooled(input), seen) : 0;
      expected[s].push_back({.label = seen.label, .probability = seen.confidence, .exit = s, .score = score});
      scores.push_back(score);
    }
    std::ranges::sort(scores);  // half of the images go on, no score is near the threshold
    int middle = kCount / 2;
    while (s < 2 && scores[middle] - scores[middle - 1] < 1e-4f) ++middle;
    plan_.stages[s].exit.threshold = (scores[middle] + scores[middle - 1]) / 2;
  }
  save();

  const auto classifier = Classifier::load(directory_.string());
  ASSERT_TRUE(classifier) << classifier.error().message;
  EXPECT_THAT(classifier->info().stages, ElementsAre("little", "deeper", "big"));
  EXPECT_THAT(classifier->info().classes, ElementsAre("ant", "bee", "cat", "dog"));
  EXPECT_EQ(classifier->info().policy, "learned");
  EXPECT_EQ(classifier->info().width, 5);
  std::vector<Outcome> outcomes(kCount);
  const Status status = classifier->classify(views, outcomes);
  ASSERT_TRUE(status) << status.error().message;

  int exits[3] = {};
  for (int i = 0; i < kCount; ++i) {
    int s = 0;
    while (s < 2 && expected[s][i].score > plan_.stages[s].exit.threshold) ++s;
    ++exits[s];
    const auto single = classifier->classify(views[i]);
    ASSERT_TRUE(single);
    for (const Outcome& got : {outcomes[i], *single}) {
      EXPECT_EQ(got.exit, s) << i;
      EXPECT_EQ(got.label, expected[s][i].label) << i;
      EXPECT_NEAR(got.probability, expected[s][i].probability, 1e-5);
      EXPECT_NEAR(got.score, expected[s][i].score, 1e-5);
    }
  }
  for (int s = 0; s < 3; ++s) EXPECT_GT(exits[s], 0) << "no image left at stage " << s;
}

TEST_F(ClassifierTest, ThresholdsOfTheOptionsCount) {
  const auto classifier = Classifier::load(directory_.string(), {.thresholds = {-1, -1}});
  ASSERT_TRUE(classifier);
  const std::vector<std::uint8_t> pixels(60);
  const auto outcome = classifier->classify({pixels.data(), 4, 5, 3});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit, 2);
  EXPECT_EQ(load_error(ErrorCode::bad_input, {.thresholds = {0.5}}),
            "thresholds: found 1, expected 2 (one per exit but the last) for plan 'three'");
  EXPECT_EQ(load_error(ErrorCode::bad_input, {.threads = -1}), "threads: found -1, expected 1 to 1024");
}

TEST_F(ClassifierTest, ThresholdsChangeWhileItRuns) {
  auto classifier = Classifier::load(directory_.string());
  ASSERT_TRUE(classifier);
  EXPECT_THAT(classifier->thresholds(), ElementsAre(0.5, 0.5));
  const std::vector<std::uint8_t> pixels(60);
  const ImageView image{pixels.data(), 4, 5, 3};
  const auto exit_at = [&](std::vector<double> thresholds) {
    EXPECT_TRUE(classifier->set_thresholds(thresholds));
    EXPECT_EQ(classifier->thresholds(), thresholds);
    return classifier->classify(image)->exit;
  };
  EXPECT_EQ(exit_at({1, 1}), 0);
  EXPECT_EQ(exit_at({-1, 1}), 1);
  EXPECT_EQ(exit_at({-1, -1}), 2);
  const Status status = classifier->set_thresholds(std::vector{0.5});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::bad_input);
  EXPECT_EQ(status.error().message, "thresholds: found 1, expected 2 (one per exit but the last) for plan 'three'");
  EXPECT_THAT(classifier->thresholds(), ElementsAre(-1, -1));
  const ClassifierStatistics seen = classifier->statistics();
  EXPECT_EQ(seen.calls, 3u);
  EXPECT_EQ(seen.sent_on, 2u);
  EXPECT_THAT(seen.exits, ElementsAre(1, 1, 1));
}

// By the plain loops of TestModel, and a softmax written as its definition.
TEST_F(ClassifierTest, DetailsAreThoseOfTheExitTaken) {
  const auto classifier = Classifier::load(directory_.string(), {.thresholds = {-1, -1}});
  ASSERT_TRUE(classifier);
  std::vector<std::uint8_t> pixels(60);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 37);
  const ImageView image{pixels.data(), 4, 5, 3};
  std::vector<float> input(60), logits(4), probabilities(4);
  std::vector<ClassProbability> top(2);
  to_input(image, input.data());
  const auto outcome = classifier->classify(image, {.logits = logits, .probabilities = probabilities, .top = top});
  ASSERT_TRUE(outcome) << outcome.error().message;
  const std::vector<float> expected = models_[2].logits(input);
  double sum = 0;
  for (const float logit : expected) sum += std::exp(logit / plan_.stages[2].exit.temperature);
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(logits[c], expected[c], 1e-4) << c;
    EXPECT_NEAR(probabilities[c], std::exp(expected[c] / plan_.stages[2].exit.temperature) / sum, 1e-5) << c;
  }
  EXPECT_EQ(top[0].label, outcome->label);
  EXPECT_EQ(top[0].probability, outcome->probability);
  EXPECT_EQ(std::ranges::max(probabilities), outcome->probability);
  EXPECT_EQ(top[1].probability, probabilities[top[1].label]);
  const auto wrong = classifier->classify(image, {.logits = std::span(logits).first(3)});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "logits: found 3, expected 4, 4 classes of 1 images");
}

TEST_F(ClassifierTest, ThreadsOfWhatTheProcessMayUse) {
  const auto classifier = Classifier::load(directory_.string(), {.threads = 0});
  ASSERT_TRUE(classifier) << classifier.error().message;
  const CpuLimit limit = cpu_limit();
  EXPECT_EQ(classifier->info().threads_note, std::format("{}: {}", limit.count, limit.why));
  EXPECT_THAT(classifier->info().threads, Each(limit.count));  // ONNX Runtime takes all of them
  EXPECT_EQ(Classifier::load(directory_.string())->info().threads_note, "");
}

TEST_F(ClassifierTest, MovesAndOutlivesItsFiles) {
  auto loaded = Classifier::load(directory_.string());
  ASSERT_TRUE(loaded);
  Classifier classifier = std::move(*loaded);
  fs::remove_all(directory_);
  const std::vector<std::uint8_t> pixels(60);
  EXPECT_TRUE(classifier.classify({pixels.data(), 4, 5, 3}));
  const auto wrong = classifier.classify({pixels.data(), 5, 4, 3});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "images[0]: found 5x4x3, expected 4x5x3 (height x width x channels)");
}

TEST_F(ClassifierTest, MissingFilesAreNamed) {
  fs::remove(directory_ / "deeper.onnx");
  EXPECT_EQ(load_error(ErrorCode::not_found), (directory_ / "deeper.onnx").string() + ": no such file");
  fs::remove(directory_ / "plan.json");
  fs::create_symlink("plan.json", directory_ / "plan.json");  // leads to itself: there, and not to be read
  EXPECT_THAT(load_error(ErrorCode::unreadable), HasSubstr("plan.json: cannot open: Too many levels"));
  fs::remove(directory_ / "plan.json");
  EXPECT_EQ(load_error(ErrorCode::not_found),
            (directory_ / "plan.json").string() + ": no such file; expected a plan directory");
  const auto too_long = Classifier::load((directory_ / std::string(300, 'a')).string());  // NAME_MAX is 255
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::not_found);
  EXPECT_THAT(too_long.error().message, HasSubstr("plan.json: cannot open: File name too long"));
}

TEST_F(ClassifierTest, DamagedFilesAreNamed) {
  std::string bytes = models_[2].bytes();
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomic(directory_ / "big.onnx", bytes);
  EXPECT_THAT(load_error(ErrorCode::damaged), AllOf(HasSubstr((directory_ / "big.onnx").string() + ": sha256: found "),
                                                    HasSubstr("expected " + plan_.stages[2].sha256)));
  write_file_atomic(directory_ / "plan.json", "{\"version\": 1,");
  EXPECT_THAT(load_error(ErrorCode::damaged), HasSubstr("plan.json"));
}

TEST_F(ClassifierTest, StagesThatDoNotFitThePlanAreNamed) {
  engine::TestModel other = models_[2];
  other.classes = 5;
  write_model(2, other.bytes());
  save();
  EXPECT_EQ(load_error(ErrorCode::damaged),
            (directory_ / "big.onnx").string() + ": width of output 'logits': found 5, expected 4");
  other = models_[2];
  other.height = 6;
  write_model(2, other.bytes());
  save();
  EXPECT_THAT(load_error(ErrorCode::damaged), HasSubstr("found 3x6x5, expected 3x4x5"));
  write_model(2, models_[1].bytes());
  save();
  EXPECT_THAT(load_error(ErrorCode::damaged), HasSubstr("input's name: found carry_in, expected image"));
  write_model(2, models_[2].bytes());
  engine::TestModel bare = models_[0];
  bare.with_carry = false;
  write_model(0, bare.bytes());
  save();
  EXPECT_THAT(load_error(ErrorCode::damaged),
              AllOf(HasSubstr("deeper.onnx"), HasSubstr("expected some, from stage 'little'")));
}

class EngineTest : public TwoEnginesTest {
 protected:
  std::string engine(const ClassifierOptions& options = {}) const {
    const auto loaded = load(options);
    return loaded ? loaded->info().engine : loaded.error().message;
  }
};

TEST_F(EngineTest, CompiledRunsWhereEveryStageHasIt) {
  EXPECT_EQ(engine(), "compiled");
  EXPECT_EQ(engine({.engine = "compiled", .threads = 2}), "compiled");
  EXPECT_EQ(engine({.engine = "onnxruntime"}), "onnxruntime");
  EXPECT_EQ(engine({.engine = "fast"}),
            "engine: found 'fast', expected auto, onnxruntime, compiled or check:ENGINE,ENGINE");
  EXPECT_EQ(engine({.threads = 0}), "compiled");
  for (const char* name : {"little.onnx", "big.onnx"}) fs::remove(directory_ / name);  // it does not need them
  for (const int threads : {1, 2}) {
    const auto classifier = load({.threads = threads, .thresholds = {-1}});  // to the last exit
    ASSERT_TRUE(classifier) << classifier.error().message;
    std::vector<std::uint8_t> pixels(12);
    pixels[5] = 255;  // row 0, column 1, the last channel: element 8 + 1 of [channels, height, width]
    const auto outcome = classifier->classify({pixels.data(), 2, 2, 3});
    ASSERT_TRUE(outcome) << outcome.error().message;
    std::vector<float> image(12);
    image[9] = 1;
    const Evidence seen = evidence(engine::TestProgram{}.expected_logits(image), 1);
    EXPECT_EQ(outcome->label, seen.label);
    EXPECT_FLOAT_EQ(outcome->probability, seen.confidence);
    EXPECT_EQ(outcome->exit, 1);
  }
}

constexpr const char* kLittleCompiled = "little: compiled, big: onnxruntime";

TEST_F(EngineTest, AutoTakesOnnxRuntimeForTheStageThatHasNothingForThisCpu) {
  engine::StageProgram program = engine::TestProgram{}.program(directory_ / "kernels.so");
  program.features = {"no_such_flag"};
  compile(1, program);
  save();
  EXPECT_EQ(engine(), kLittleCompiled);
  EXPECT_THAT(load()->info().engine_note, HasSubstr("has no no_such_flag"));
  EXPECT_THAT(engine({.engine = "compiled"}),
              AllOf(HasSubstr("engine 'compiled': stage 'big': "), HasSubstr("has no no_such_flag")));
  plan_.stages[1].artifacts.clear();
  save();
  EXPECT_EQ(engine(), kLittleCompiled);
  EXPECT_THAT(load()->info().engines, ElementsAre("compiled", "onnxruntime"));
  EXPECT_EQ(load()->info().engine_note, "");
  const auto refused = load({.engine = "compiled"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_EQ(refused.error().message, "engine 'compiled': stage 'big': was not compiled");
  plan_.stages[0].artifacts.clear();
  save();
  EXPECT_EQ(engine(), "onnxruntime");
  EXPECT_THAT(engine({.engine = "check:compiled,onnxruntime"}),
              HasSubstr("engine 'check:compiled,onnxruntime': stage 'little': has no file for engine 'compiled'"));
}

// The two engines compute different things here: each exit answers as the engine that is said to run its stage.
TEST_F(EngineTest, EachStageIsRunByTheEngineThatIsSaid) {
  const std::vector<std::uint8_t> pixels{0, 10, 200, 255, 40, 3, 90, 91, 92, 7, 250, 60};
  const auto answer = [&](const std::string& engine, double threshold) {
    return load({.engine = engine, .thresholds = {threshold}})->classify({pixels.data(), 2, 2, 3});
  };
  const auto compiled = answer("compiled", 1), onnxruntime = answer("onnxruntime", -1);
  ASSERT_NE(compiled->probability, answer("onnxruntime", 1)->probability);
  ASSERT_NE(onnxruntime->probability, answer("compiled", -1)->probability);
  plan_.stages[1].artifacts.clear();
  save();
  EXPECT_EQ(answer("auto", 1)->probability, compiled->probability);
  EXPECT_EQ(answer("auto", -1)->probability, onnxruntime->probability);
  EXPECT_EQ(answer("auto", -1)->exit, 1);
}

// Kernels of version 1 may kill the process: nothing of their library is loaded.
TEST_F(EngineTest, KernelsOfAnOlderVersionAreNotRun) {
  const fs::path file = directory_ / "big.program";
  write_file_atomic(file, engine::program_bytes_of_version(engine::load_program(file), 1));
  plan_.stages[1].artifacts[0].sha256 = sha256_file(file);
  save();
  EXPECT_EQ(engine(), kLittleCompiled);
  const auto refused = load({.engine = "compiled"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("big.program: version: expected 2, found 1: compile the plan again"));
}

TEST_F(EngineTest, AutoSaysWhyItDoesNotRunTheKernelsOfThePlan) {
  engine::StageProgram program = engine::TestProgram{}.program(directory_ / "kernels.so");
  program.kernels.push_back("illegal");
  program.steps.push_back({.kernel = 3,
                           .arguments = {engine::line(engine::View::Memory::input, 12),
                                         engine::line(engine::View::Memory::map, 12, 0, 1)}});
  compile(1, program);
  save();
  const std::string why =
      "big.program: kernel 'illegal' (step 4) was killed by SIGILL when it was tried in a child "
      "process on this CPU (";
  for (int time = 0; time < 2; ++time) {  // found out, then remembered
    const auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->info().engine, kLittleCompiled);
    EXPECT_THAT(loaded->info().engine_note, AllOf(HasSubstr("stage 'big': "), HasSubstr(why)));
    const auto refused = load({.engine = "compiled"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_THAT(refused.error().message, HasSubstr(why));
  }
  EXPECT_EQ(load({.engine = "onnxruntime"})->info().engine_note, "");
  for (plan::Stage& stage : plan_.stages) stage.artifacts.clear();
  save();
  EXPECT_EQ(load()->info().engine_note, "");  // there are none
}

TEST_F(EngineTest, TellsTheThreadsThatRun) {
  EXPECT_THAT(load({.engine = "onnxruntime", .threads = 3})->info().threads, ElementsAre(3, 3));
  EXPECT_THAT(load({.engine = "compiled", .threads = 1})->info().threads, ElementsAre(1, 1));
  const auto loaded = load({.engine = "compiled", .threads = 2});  // of nets that are worth no second thread
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->info().threads, testing::Each(testing::AnyOf(1, 2)));
  EXPECT_EQ(loaded->info().threads.size(), 2U);
}

TEST_F(EngineTest, DamageIsNoReasonToTakeTheOther) {
  const fs::path file = directory_ / "big.program";
  std::string bytes = read_file(file);
  write_file_atomic(file, bytes + " ");
  EXPECT_THAT(engine(), AllOf(HasSubstr("big.program: sha256: found "), HasSubstr("(from plan.json)")));
  EXPECT_EQ(engine({.engine = "onnxruntime"}), "onnxruntime");
  compile(1, engine::TestProgram{.n = 11}.program(directory_ / "kernels.so"));
  save();
  EXPECT_EQ(engine(), file.string() + ": width of output 'logits': found 11, expected 12");
  fs::remove(file);
  EXPECT_EQ(engine(), file.string() + ": no such file");
}

TEST(Version, IsThatOfTheProject) { EXPECT_THAT(version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

}  // namespace
}  // namespace triage::runtime
