#include "runtime/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <numeric>
#include <thread>

#include "core/test_support.h"
#include "runtime/compiled_backend.h"
#include "runtime/convert.h"
#include "runtime/fake_backend.h"
#include "runtime/test_program.h"

namespace {
std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

void* counted(std::size_t bytes, std::size_t alignment = 0) {
  if (counting) ++allocations;
  void* memory = alignment ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                           : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
}  // namespace

// Every allocation of this test program goes through here (the engine alone uses the kind that does not throw).
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace triage::runtime {
namespace {

using testing::HasSubstr;

constexpr int kSide = 2, kPixels = kSide * kSide, kClasses = 4;
constexpr double kNever = 1, kAlways = -1;

// An image is told by its first pixel, its number; the fakes answer with it.
struct Images {
  explicit Images(int count) : pixels(static_cast<std::size_t>(count) * kPixels) {
    for (int i = 0; i < count; ++i) {
      for (int k = 0; k < kPixels; ++k) pixels[i * kPixels + k] = static_cast<std::uint8_t>(i + k);
      views.push_back({.pixels = &pixels[i * kPixels], .height = kSide, .width = kSide, .channels = 1});
    }
    outcomes.resize(count);
  }
  std::vector<std::uint8_t> pixels;
  std::vector<ImageView> views;
  std::vector<Outcome> outcomes;
};

int number(const FakeRow& row) { return static_cast<int>(std::lround(row.input[0] * 255)) % 256; }

// Stage `stage` answers image i with label (i + stage) % 4; it is unsure where i % (stage + 2) != 0.
void answer(const FakeRow& row, int stage) {
  const int i = number(row);
  std::fill(row.logits.begin(), row.logits.end(), 0.0f);
  row.logits[(i + stage) % kClasses] = i % (stage + 2) != 0 ? 0.5f : 9.0f;
  for (float& value : row.features) value = static_cast<float>(i);
  if (!row.carry.empty()) {
    std::fill(row.carry.begin(), row.carry.end(), static_cast<float>(100 + stage));
    row.carry[0] = row.input[0];
  }
}

bool unsure(int i, int stage) { return i % (stage + 2) != 0; }

struct Fixture {
  plan::Plan plan;
  std::vector<FakeBackend*> fakes;  // owned by the executor
  std::unique_ptr<Executor> executor;
};

struct StageSetup {
  int source = -1;  // -1: reads the image
  int carry = 0;
};

plan::Plan make_plan(std::span<const StageSetup> setup) {
  plan::Plan plan{.name = "test", .input = {1, kSide, kSide}, .classes = {"a", "b", "c", "d"}};
  plan.policy = plan::PolicyKind::confidence;
  for (std::size_t s = 0; s < setup.size(); ++s) {
    plan::Stage stage{.name = std::format("stage{}", s), .onnx = std::format("stage{}.onnx", s)};
    stage.input = setup[s].source < 0 ? plan::StageInput::image : plan::StageInput::features;
    stage.source = setup[s].source;
    stage.exit.threshold = 0.5;
    plan.stages.push_back(stage);
  }
  return plan;
}

std::unique_ptr<FakeBackend> make_fake(std::span<const StageSetup> setup, int s, int feature_width = 0) {
  const StageShape shape{.input_size = setup[s].source < 0 ? kPixels : setup[setup[s].source].carry,
                         .classes = kClasses,
                         .feature_width = feature_width,
                         .carry_size = setup[s].carry};
  return std::make_unique<FakeBackend>(shape, [s](const FakeRow& row) { answer(row, s); });
}

Fixture make(const std::vector<StageSetup>& setup, std::vector<double> thresholds = {}) {
  Fixture fixture{.plan = make_plan(setup)};
  std::vector<std::unique_ptr<Backend>> backends;
  for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
    auto fake = make_fake(setup, s);
    fixture.fakes.push_back(fake.get());
    backends.push_back(std::move(fake));
  }
  fixture.executor = std::make_unique<Executor>(fixture.plan, std::move(backends), thresholds);
  return fixture;
}

void expect_routed(const Images& images, int stages) {
  for (int i = 0; i < static_cast<int>(images.outcomes.size()); ++i) {
    int exit = 0;
    while (exit + 1 < stages && unsure(i % 256, exit)) ++exit;
    ASSERT_EQ(images.outcomes[i].exit, exit) << "image " << i;
    ASSERT_EQ(images.outcomes[i].label, (i % 256 + exit) % kClasses) << "image " << i;
    ASSERT_GT(images.outcomes[i].microseconds, 0);
  }
}

TEST(Executor, EachImageLeavesWhereItIsSure) {
  for (int count : {1, 2, 63, 64, 65, 200}) {
    Fixture pair = make({{}, {}});
    Images images(count);
    ASSERT_TRUE(pair.executor->classify(images.views, images.outcomes));
    expect_routed(images, 2);
    EXPECT_EQ(pair.fakes[0]->images(), count);
    EXPECT_EQ(pair.fakes[1]->images(), count / 2);  // the odd ones
    EXPECT_LE(pair.fakes[0]->largest_run(), Executor::kMaxRows);
    EXPECT_EQ(pair.fakes[0]->runs(), (count + 63) / 64);
  }
}

TEST(Executor, ProbabilityAndScoreComeFromTheExitTaken) {
  Fixture pair = make({{}, {}});
  Images images(2);
  ASSERT_TRUE(pair.executor->classify(images.views, images.outcomes));
  const double sure = std::exp(9) / (std::exp(9) + 3), guess = std::exp(0.5) / (std::exp(0.5) + 3);
  EXPECT_NEAR(images.outcomes[0].probability, sure, 1e-6);
  EXPECT_NEAR(images.outcomes[0].score, 1 - sure, 1e-6);
  EXPECT_NEAR(images.outcomes[1].probability, guess, 1e-6);
  EXPECT_EQ(images.outcomes[1].score, 0);  // the last exit asks nobody
}

// image, carry of 0, image again, carry of 2, carry of 0: every kind of hand-over, alive at the same time.
TEST(Executor, FiveStagesMixImagesAndCarriedFeatures) {
  Fixture five = make({{-1, 7}, {0, 0}, {-1, 3}, {2, 0}, {0, 0}});
  Images images(150);
  ASSERT_TRUE(five.executor->classify(images.views, images.outcomes));
  expect_routed(images, 5);
}

TEST(Executor, FeatureStagesReadTheCarryOfTheirSource) {
  const std::vector<StageSetup> setup{{-1, 3}, {0, 2}, {1, 0}};
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(make_fake(setup, 0));
  for (int s : {1, 2}) {
    auto fake = make_fake(setup, s);
    const StageShape shape = fake->shape();
    backends.push_back(std::make_unique<FakeBackend>(shape, [s](const FakeRow& row) {
      ASSERT_EQ(row.input[1], 100 + s - 1);  // what the source wrote
      answer(row, s);
    }));
  }
  const Executor executor(make_plan(setup), std::move(backends));
  Images images(70);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  expect_routed(images, 3);
}

TEST(Executor, ThresholdsCanBeOverridden) {
  Fixture never = make({{}, {}}, {kNever}), always = make({{}, {}}, {kAlways});
  Images images(10);
  ASSERT_TRUE(never.executor->classify(images.views, images.outcomes));
  EXPECT_EQ(never.fakes[1]->runs(), 0);
  ASSERT_TRUE(always.executor->classify(images.views, images.outcomes));
  EXPECT_EQ(always.fakes[1]->images(), 10);
}

TEST(Executor, LearnedRouterReadsTheFeatures) {
  const std::vector<StageSetup> setup{{}, {}};
  plan::Plan plan = make_plan(setup);
  plan.policy = plan::PolicyKind::learned;
  plan.stages[0].feature_width = 2;  // g = sigmoid(relu(x0) - 5): images above number 5 go on
  plan.stages[0].exit.router = plan::Router{.feature_width = 2,
                                            .hidden = 1,
                                            .mean = std::vector<float>(5, 0),
                                            .scale = std::vector<float>(5, 1),
                                            .weight1 = {1, 0, 0, 0, 0},
                                            .bias1 = {0},
                                            .weight2 = {1},
                                            .bias2 = -5};
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(make_fake(setup, 0, 2));
  backends.push_back(make_fake(setup, 1));
  const Executor executor(plan, std::move(backends));
  Images images(12);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(images.outcomes[i].exit, i > 5) << i;
  EXPECT_NEAR(images.outcomes[4].score, 1 / (1 + std::exp(1.0)), 1e-6);
}

TEST(Executor, LearnedRouterOfAStageWithoutFeaturesAsksForNone) {
  const std::vector<StageSetup> setup{{}, {}};
  plan::Plan plan = make_plan(setup);
  plan.policy = plan::PolicyKind::learned;  // g = sigmoid(5): all go on
  plan.stages[0].exit.router = plan::Router{.feature_width = 0,
                                            .hidden = 1,
                                            .mean = std::vector<float>(3, 0),
                                            .scale = std::vector<float>(3, 1),
                                            .weight1 = {0, 0, 0},
                                            .bias1 = {0},
                                            .weight2 = {1},
                                            .bias2 = 5};
  std::vector<std::unique_ptr<Backend>> backends;
  for (int s = 0; s < 2; ++s) backends.push_back(make_fake(setup, s));
  const Executor executor(plan, std::move(backends));
  Images images(12);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));  // the fakes fail when asked for what they lack
  for (int i = 0; i < 12; ++i) EXPECT_EQ(images.outcomes[i].exit, 1) << i;
}

TEST(Executor, TemperatureChangesTheProbabilityNotTheLabel) {
  const std::vector<StageSetup> setup{{}};
  plan::Plan plan = make_plan(setup);
  plan.stages[0].exit.temperature = 3;
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(make_fake(setup, 0));
  const Executor executor(plan, std::move(backends));
  Images images(1);
  ASSERT_TRUE(executor.classify(images.views, images.outcomes));
  EXPECT_NEAR(images.outcomes[0].probability, std::exp(3) / (std::exp(3) + 3), 1e-6);
}

TEST(Executor, LargeImagesRunInSmallerPieces) {
  const int side = 1500;  // 9 MB of floats each: one per piece of 16 MB
  plan::Plan plan = make_plan(std::vector<StageSetup>{{}});
  plan.input = {1, side, side};
  auto fake = std::make_unique<FakeBackend>(StageShape{.input_size = side * side, .classes = kClasses},
                                            [](const FakeRow& row) { answer(row, 0); });
  const FakeBackend& seen = *fake;
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::move(fake));
  const Executor executor(plan, std::move(backends));
  const std::vector<std::uint8_t> pixels(side * side);
  const std::vector<ImageView> views(3, ImageView{pixels.data(), side, side, 1});
  std::vector<Outcome> outcomes(3);
  ASSERT_TRUE(executor.classify(views, outcomes));
  EXPECT_EQ(seen.runs(), 3);
}

TEST(Executor, NoHeapAllocationOnceWarm) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  Images images(150);
  const auto classify = [&](std::size_t n) {
    allocations = 0;
    counting = true;
    const bool ok = static_cast<bool>(
        mixed.executor->classify(std::span(images.views).first(n), std::span(images.outcomes).first(n)));
    counting = false;
    return ok ? allocations.load() : -1;
  };
  EXPECT_GT(classify(1), 0);  // the workspace; also proves that the counter counts
  for (int round = 0; round < 3; ++round) {
    for (std::size_t n : {1u, 2u, 64u, 150u}) EXPECT_EQ(classify(n), 0) << n << " images";
  }
  expect_routed(images, 3);
}

TEST(CompiledBackend, NoHeapAllocationOnceOpen) {
  const TempDir directory;
  fs::copy_file(TESTING_KERNELS, directory / "kernels.so");
  save_program(directory / "p", TestProgram{}.program(directory / "kernels.so"));
  for (const int threads : {1, 2}) {
    const auto opened = open_compiled((directory / "p").string(), {.threads = threads});
    ASSERT_TRUE(opened) << opened.error().message;
    std::vector<float> input(24, 1), logits(24);
    allocations = 0;
    counting = true;
    const bool ok = static_cast<bool>((*opened)->run(2, {.input = input.data(), .logits = logits.data()}));
    counting = false;
    EXPECT_TRUE(ok);
    EXPECT_EQ(allocations, 0);
  }
}

TEST(Executor, ThreadsShareOneExecutor) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  std::vector<Images> images(6, Images(100));
  for (Images& own : images) {
    for (std::size_t i = 0; i < own.views.size(); ++i) own.views[i].pixels = &own.pixels[i * kPixels];
  }
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (Images& own : images) {
      threads.emplace_back([&] {
        for (int round = 0; round < 20; ++round) {
          if (!mixed.executor->classify(own.views, own.outcomes)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  for (const Images& own : images) expect_routed(own, 3);
  EXPECT_EQ(mixed.fakes[0]->images(), 6 * 20 * 100);
}

TEST(Executor, BadInputIsNamed) {
  Fixture pair = make({{}, {}});
  Images images(3);
  images.views[2].width = 5;
  Status status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::bad_input);
  EXPECT_EQ(status.error().message, "images[2]: found 2x5x1, expected 2x2x1 (height x width x channels)");
  images.views[2].width = kSide;
  images.views[1].pixels = nullptr;
  status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "images[1]: pixels: found null");
  status = pair.executor->classify(images.views, std::span(images.outcomes).first(2));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "outcomes: found 2, expected 3, the number of images");
  EXPECT_EQ(pair.fakes[0]->runs(), 0);
  EXPECT_TRUE(pair.executor->classify({}, {}));
}

TEST(Executor, FailuresOfABackendComeBackAsErrorsAndPass) {
  Fixture pair = make({{}, {}});
  Images images(4);
  pair.fakes[1]->fail_with(ErrorInfo{ErrorCode::engine_failure, "the engine is on fire"});
  const Status status = pair.executor->classify(images.views, images.outcomes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::engine_failure);
  EXPECT_EQ(status.error().message, "stage 'stage1': the engine is on fire");
  pair.fakes[1]->fail_with(std::nullopt);
  EXPECT_TRUE(pair.executor->classify(images.views, images.outcomes));
  expect_routed(images, 2);
}

template <class Throw>
ErrorInfo step_error(const Throw& thrower) {
  const std::vector<StageSetup> setup{{}};
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::make_unique<FakeBackend>(StageShape{.input_size = kPixels, .classes = kClasses},
                                                   [&](const FakeRow& row) { thrower(row); }));
  const Executor executor(make_plan(setup), std::move(backends));
  Images images(1);
  const Status status = executor.classify(images.views, images.outcomes);
  return status ? ErrorInfo{ErrorCode::not_found, "no error"} : status.error();
}

TEST(Executor, NothingThrownCrossesTheBorder) {
  EXPECT_EQ(step_error([](const FakeRow&) { throw std::runtime_error("bang"); }).message, "bang");
  EXPECT_EQ(step_error([](const FakeRow&) { throw std::bad_alloc(); }).code, ErrorCode::out_of_memory);
  EXPECT_EQ(step_error([](const FakeRow&) { throw 7; }).message, "an exception of unknown type");
  const ErrorInfo nan = step_error([](const FakeRow& row) {
    std::fill(row.logits.begin(), row.logits.end(), std::numeric_limits<float>::quiet_NaN());
  });
  EXPECT_EQ(nan.message, "stage 'stage0' (stage0.onnx): image 0 of the batch has no finite probabilities");
}

std::string construction_error(const std::vector<StageSetup>& setup, plan::Plan plan,
                               const std::function<void(StageShape&, int)>& change,
                               const std::vector<double>& thresholds = {}) {
  std::vector<std::unique_ptr<Backend>> backends;
  for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
    StageShape shape = make_fake(setup, s)->shape();
    change(shape, s);
    backends.push_back(std::make_unique<FakeBackend>(shape, [](const FakeRow&) {}));
  }
  try {
    const Executor executor(std::move(plan), std::move(backends), thresholds);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Executor, BackendsThatDoNotFitThePlanAreRefused) {
  const std::vector<StageSetup> pair{{}, {}}, exits{{-1, 3}, {0, 0}};
  const auto error = [](const std::vector<StageSetup>& setup, auto change) {
    return construction_error(setup, make_plan(setup), change);
  };
  EXPECT_EQ(error(pair, [](StageShape& shape, int s) { shape.classes += s; }),
            "stage1.onnx: width of output 'logits': found 5, expected 4");
  EXPECT_EQ(error(pair, [](StageShape& shape, int) { shape.feature_width = 3; }),
            "stage0.onnx: width of output 'features': found 3, expected 0");
  EXPECT_EQ(error(pair, [](StageShape& shape, int) { shape.input_size = 5; }),
            "stage0.onnx: elements of input 'image': found 5, expected 4");
  EXPECT_EQ(error(pair, [](StageShape& shape, int) { shape.input_dims = {4, 1, 1}; }),
            "stage0.onnx: input 'image' (channels x height x width): found 4x1x1, expected 1x2x2");
  EXPECT_EQ(error(pair, [](StageShape& shape, int) { shape.input_name = "carry_in"; }),
            "stage0.onnx: input's name: found carry_in, expected image");
  EXPECT_EQ(error(exits, [](StageShape& shape, int s) { shape.input_size += s; }),
            "stage1.onnx: elements of input 'carry_in': found 4, expected 3, the 'carry' of stage 'stage0'");
  EXPECT_THAT(error(exits, [](StageShape& shape, int) { shape.carry_size = 0; }),
              HasSubstr("stage1.onnx: elements of output 'carry' of the source stage: found 0"));
  const auto same = [](StageShape&, int) {};
  EXPECT_EQ(construction_error(pair, make_plan(pair), same, {0.1, 0.2}),
            "thresholds: found 2, expected 1 (one per exit but the last) for plan 'test'");
  EXPECT_EQ(construction_error(pair, make_plan(pair), same, {NAN}), "thresholds[0]: found NaN, expected a number");
  EXPECT_EQ(construction_error(pair, make_plan(std::vector<StageSetup>{{}}), same),
            "plan 'test': 2 backends for 1 stages");
  plan::Plan learned = make_plan(pair);
  learned.policy = plan::PolicyKind::learned;
  EXPECT_THAT(construction_error(pair, learned, same), HasSubstr("exit.router in the plan: found none"));
}

TEST(Convert, PixelsBecomePlanesOfFractions) {
  for (int channels : {1, 2, 3, 4}) {
    std::vector<std::uint8_t> pixels(37 * 5 * channels);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
    std::vector<float> output(pixels.size());
    to_input({.pixels = pixels.data(), .height = 5, .width = 37, .channels = channels}, output.data());
    for (int i = 0; i < 37 * 5; ++i) {
      for (int c = 0; c < channels; ++c) {
        ASSERT_NEAR(output[c * 37 * 5 + i], pixels[i * channels + c] / 255.0, 1e-7);
      }
    }
    EXPECT_EQ(*std::max_element(output.begin(), output.end()), 1.0f);
  }
}

// Whatever the number of channels, in vectors and behind the last whole one: the same float, to the last bit.
TEST(Convert, EveryValueHasOneFloat) {
  std::vector<std::uint8_t> values(256);
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  std::vector<float> expected(256), one(256);
  for (std::size_t v = 0; v < 256; ++v) expected[v] = static_cast<float>(v) * (1.0f / 255);
  for (int channels : {1, 2, 4}) {
    to_input({.pixels = values.data(), .height = 1, .width = 256 / channels, .channels = channels}, one.data());
    for (std::size_t v = 0; v < 256; ++v) {
      const std::size_t n = static_cast<std::size_t>(channels), place = v % n * (256 / n) + v / n;
      ASSERT_EQ(one[place], expected[v]) << channels << " channels, value " << v;
    }
  }
  for (int width = 1; width < 40; ++width) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 77 + width);
    std::vector<float> output(pixels.size());
    to_input({.pixels = pixels.data(), .height = 1, .width = width, .channels = 3}, output.data());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      ASSERT_EQ(output[i % 3 * static_cast<std::size_t>(width) + i / 3], expected[pixels[i]]);
    }
  }
}

}  // namespace
}  // namespace triage::runtime
