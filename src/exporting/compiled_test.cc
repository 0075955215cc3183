// The compiled engine held against the references: kernels of all algorithms, both precisions, odd shapes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "compiler/compile_stage.h"
#include "compiler/compiler_test_support.h"
#include "core/system/process.h"
#include "core/test_support.h"
#include "engine/compiled/compiled_session.h"
#include "exporting/int8/int8_reference.h"
#include "exporting/int8/quantize.h"
#include "exporting/onnx_engine.h"
#include "exporting/test_models.h"
#include "model/model_test_support.h"
#include "model/onnx/tensor.h"

namespace triage::exporting {
namespace {

using compiler::KernelKey;
using compiler::Schedule;
using testing::random_images;
using testing::random_stage;

struct Compilation {
  int threads = 1;
  compiler::Target target = compiler::this_cpu();
  compiler::ScheduleOf schedule_of = [this](const KernelKey& key) { return default_schedule(key, target); };
  std::string cpu = {};  // of qemu's, which runs it; empty: this one
};

// Made in `directory`.
engine::StageProgram compiled_program(const onnx::ModelProto& net, const Compilation& how, const TempDir& directory) {
  compiler::KernelSet library(how.target);
  engine::StageProgram program =
      compile_stage(model::from_onnx(net, "net.onnx", {}), how.threads, how.schedule_of, library);
  library.write(directory.path() / "kernels.so", TRIAGE_KERNELS);
  program.library = "kernels.so";
  program.library_sha256 = sha256_file(directory.path() / "kernels.so");
  engine::save_program(directory.path() / "stage.program", program);
  return program;
}

// A process for each call.
Engine emulated_engine(const std::string& cpu, const engine::SessionInfo& shape, const std::string& file) {
  return {
      cpu, [=](std::span<const float> images, int n) {
        const std::string input(reinterpret_cast<const char*>(images.data()), images.size_bytes());
        const std::string output =
            run_checked({.command = {"qemu-x86_64", "-cpu", cpu, RUN_STAGE, file, std::to_string(n)}, .input = input})
                .output;
        NamedOutputs outputs;
        std::size_t at = 0;
        for (const auto& [name, width] :
             {std::pair{"logits", shape.classes}, {"features", shape.feature_width}, {"carry", shape.carry_size}}) {
          std::vector<float> values(static_cast<std::size_t>(width) * n);
          const std::size_t bytes = values.size() * sizeof(float);
          if (output.size() < at + bytes) fail("{}: found {} bytes", file, output.size());
          std::memcpy(values.data(), output.data() + at, bytes);
          at += bytes;
          if (width > 0) outputs.emplace(name, std::move(values));
        }
        return outputs;
      }};
}

Engine compiled_engine(const onnx::ModelProto& net, const Compilation& how, const TempDir& directory) {
  const engine::SessionInfo shape = compiled_program(net, how, directory).shape;
  const std::string file = (directory.path() / "stage.program").string();
  if (!how.cpu.empty()) return emulated_engine(how.cpu, shape, file);
  auto session = engine::open_compiled(file, {.threads = how.threads});
  if (!session) fail("{}", session.error().message);
  return session_engine("compiled", std::shared_ptr<const engine::Session>(std::move(*session)));
}

std::vector<std::string> engine_outputs(const StageModel& stage) {
  std::vector<std::string> outputs{"logits"};
  if (stage.features_block >= 0) outputs.push_back("features");
  if (stage.carry_block >= 0) outputs.push_back("carry");
  return outputs;
}

void expect_same(const StageModel& stage, const Compilation& how, double tolerance, int images = 3) {
  const TempDir directory;
  const plan::ConvLayer layer = stage_layers(stage).front();
  const auto inputs = random_images({layer.in_channels, layer.height, layer.width}, images, 7);
  const Engine engine = compiled_engine(stage_to_onnx(stage), how, directory);
  const Engine reference = stage.int8 ? int8_reference(stage) : testing::reference_engine(stage);
  const Parity parity = check_parity(reference, engine, inputs, images,
                                     {.absolute = tolerance, .relative = tolerance, .outputs = engine_outputs(stage)});
  EXPECT_TRUE(parity.ok()) << stage.arch.text() << '\n' << parity.text();
}

constexpr const char* kShapes[] = {"4", "5-6", "17,3-20", "16,16-32,32-64,64", "24-40,33"};

TEST(CompiledTest, DirectInFp32IsWithinOneInTenThousand) {
  std::uint64_t seed = 1;
  for (const char* arch : kShapes) {
    auto stage = random_stage("little", arch, {3, 12, 10}, 4, ++seed);
    stage.carry_block = 0;
    Compilation how;
    how.schedule_of = [&](const KernelKey& key) {
      for (const Schedule& schedule : all_schedules(key, how.target))
        if (schedule.algorithm == compiler::Algorithm::direct && schedule.columns > 1) return schedule;
      return default_schedule(key, how.target);
    };
    expect_same(stage, how, 1e-4);
  }
}

TEST(CompiledTest, WinogradIsWithinOneInAThousand) {
  for (const auto algorithm : {compiler::Algorithm::winograd2, compiler::Algorithm::winograd4}) {
    Compilation how;
    int used = 0;
    how.schedule_of = [&](const KernelKey& key) {
      for (const Schedule& schedule : all_schedules(key, how.target))
        if (schedule.algorithm == algorithm && schedule.columns > 1) return ++used, schedule;
      return default_schedule(key, how.target);
    };
    expect_same(random_stage("little", "16,20-24,33", {3, 16, 24}, 4, 3), how, 1e-3);
    EXPECT_EQ(used, 3);
  }
}

TEST(CompiledTest, Int8IsTheIntegerArithmetic) {
  std::uint64_t seed = 1;
  for (const char* arch : kShapes) {
    auto stage = random_stage("little", arch, {3, 12, 10}, 4, ++seed);
    stage.exit.reset();
    stage.carry_block = 0;
    const auto images = random_images({3, 12, 10}, 16, ++seed);
    expect_same(quantize_stage(stage, images, 16, {}), {}, 1e-5);
  }
}

TEST(CompiledTest, SomeLayersMayStayInFp32) {
  auto stage = random_stage("little", "8,8-12,16", {3, 12, 10}, 4, 3);
  stage.exit.reset();
  const auto images = random_images({3, 12, 10}, 16, 4);
  for (const std::vector<std::string>& fp32 :
       {std::vector<std::string>{"block0.conv0"}, {"block1.conv1"}, {"block0.conv1", "block1.conv0"}})
    expect_same(quantize_stage(stage, images, 16, {.fp32 = fp32}), {}, 1e-4);
}

// Nodes and constants as another exporter would write them.
TEST(CompiledTest, NetsOfOthersCompile) {
  onnx::ModelProto net = model::testing::parsed(
      "(float[N,2,7,9] image) => (float[N,3] logits) {\n"
      "a = Conv<auto_pad = \"SAME_LOWER\">(image, w1, b1)\n b = Relu(a)\n c = MaxPool<kernel_shape = [2,2], strides = "
      "[2,2]>(b)\n"
      "d = Conv<pads = [1,1,1,1]>(c, w2)\n e = Relu(d)\n f = GlobalMaxPool(e)\n g = Flatten(f)\n logits = Gemm(g, w3, "
      "b3)\n}");
  Rng rng(3);
  for (const auto& [name, dims] : std::map<std::string, model::Dims>{
           {"w1", {20, 2, 3, 3}}, {"b1", {20}}, {"w2", {5, 20, 3, 3}}, {"w3", {5, 3}}, {"b3", {3}}}) {
    const std::size_t count = static_cast<std::size_t>(model::elements(dims));
    model::tensor_to_onnx(model::float_data(dims, testing::random_values(count, 0.3, rng)), name,
                          *net.mutable_graph()->add_initializer());
  }
  const TempDir directory;
  const auto images = random_images({2, 7, 9}, 4, 5);
  const Parity parity = check_parity(onnx_engine("onnxruntime", net), compiled_engine(net, {}, directory), images, 4,
                                     {.absolute = 1e-4, .relative = 1e-4, .outputs = {"logits"}});
  EXPECT_TRUE(parity.ok()) << parity.text();
}

TEST(CompiledTest, ThreadsShareMaps) {
  auto stage = random_stage("little", "16-24,24-33", {3, 16, 14}, 4, 5);
  stage.exit.reset();
  stage.carry_block = 1;
  const auto images = random_images({3, 16, 14}, 16, 4);
  for (const int threads : {2, 3}) {
    Compilation how;
    how.threads = threads;
    expect_same(stage, how, 1e-3);
    expect_same(quantize_stage(stage, images, 16, {}), how, 1e-5);
  }
}

// A stage that goes on from a carried map, for every target that this CPU runs.
TEST(CompiledTest, StagesMayStartFromFeatures) {
  auto stage = random_stage("big", "16,12-24,24", {3, 16, 16}, 4, 5);
  stage.exit.reset();
  stage.first_block = 1;
  stage.features_block = 1;
  stage.convs.erase(stage.convs.begin(), stage.convs.begin() + 2);
  const plan::ConvLayer first = stage_layers(stage).front();
  const auto maps = random_images({first.in_channels, first.height, first.width}, 16, 6);
  for (const compiler::Target& target : compiler::targets_here()) {
    const Compilation how{.target = target};
    expect_same(stage, how, 1e-3);
    expect_same(quantize_stage(stage, maps, 16, {}), how, 1e-5);
  }
}

// Every schedule that the search may try computes the same; a sample of them, of shapes that fit nothing well.
TEST(CompiledTest, SchedulesDoNotChangeAnswers) {
  Rng rng(11);
  for (int round = 0; round < 6; ++round) {
    const int first = 3 + static_cast<int>(rng.below(40)), second = 1 + static_cast<int>(rng.below(50));
    const plan::InputShape input{1 + static_cast<int>(rng.below(4)), 5 + static_cast<int>(rng.below(14)),
                                 5 + static_cast<int>(rng.below(14))};
    auto stage = random_stage("little", std::format("{}-{},{}", first, second, first), input, 3, rng.next());
    stage.exit.reset();
    Compilation how;
    how.threads = 1 + round % 2;
    how.schedule_of = [&](const KernelKey& key) {
      const auto schedules = all_schedules(key, how.target);
      return schedules.empty() ? default_schedule(key, how.target)
                               : schedules[rng.below(static_cast<std::uint32_t>(schedules.size()))];
    };
    expect_same(stage, how, 2e-3, 2);
    const auto images = random_images(input, 8, rng.next());
    expect_same(quantize_stage(stage, images, 8, {}), how, 1e-5, 2);
  }
}

struct OldCpu {
  const char *target, *cpu, *without;  // without: a target whose instructions this one of qemu's CPUs lacks
};
void PrintTo(const OldCpu& old, std::ostream* out) { *out << old.cpu; }

class OldCpus : public ::testing::TestWithParam<OldCpu> {
 protected:
  void SetUp() override {
    if (compiler::this_cpu().architecture != "x86_64") GTEST_SKIP() << "a test for x86_64";
    how.target = compiler::target_from_name(GetParam().target);
    how.cpu = GetParam().cpu;
  }
  Compilation how;
};

// Kernels of all kinds on a CPU that has nothing beside what they are made for.
TEST_P(OldCpus, RunWhatIsMadeForThem) {
  std::uint64_t seed = 1;
  for (const char* arch : {"17,3-20", "16,16-32,64"}) {
    auto stage = random_stage("little", arch, {3, 12, 10}, 4, ++seed);
    stage.exit.reset();
    stage.carry_block = 0;
    stage.features_block = 0;
    const auto images = random_images({3, 12, 10}, 16, ++seed);
    expect_same(stage, how, 1e-3);
    expect_same(quantize_stage(stage, images, 16, {}), how, 1e-5);
  }
  auto stage = random_stage("little", "8,8-12,16", {3, 12, 10}, 4, 3);
  stage.exit.reset();
  // The sums of a layer in fp32 differ in their last bits from CPU to CPU; where one lies between two steps of the next
  // map's grid a feature differs by that step over the map's pixels, some 3e-4 here.
  expect_same(quantize_stage(stage, random_images({3, 12, 10}, 16, 4), 16, {.fp32 = {"block0.conv1"}}), how, 1e-3);
  stage = random_stage("big", "16,12-24,24", {3, 14, 14}, 4, 5);  // goes on from a carried map
  stage.exit.reset();
  stage.first_block = 1;
  stage.features_block = 1;
  stage.convs.erase(stage.convs.begin(), stage.convs.begin() + 2);
  expect_same(stage, how, 1e-3);
  const plan::ConvLayer first = stage_layers(stage).front();
  const auto maps = random_images({first.in_channels, first.height, first.width}, 16, 6);
  expect_same(quantize_stage(stage, maps, 16, {}), how, 1e-5);
}

// The emulated CPU is one that lacks the rest.
TEST_P(OldCpus, DieOfWhatIsMadeForNewerOnes) {
  how.target = compiler::target_from_name(GetParam().without);
  const TempDir directory;
  auto stage = random_stage("little", "4", {3, 12, 10}, 4, 1);
  auto program = compiled_program(stage_to_onnx(stage), how, directory);
  program.features.clear();  // else it is refused by them
  engine::save_program(directory.path() / "stage.program", program);
  const Engine engine = emulated_engine(how.cpu, program.shape, (directory.path() / "stage.program").string());
  EXPECT_THAT(error_of([&] { engine.run(random_images({3, 12, 10}, 1, 1), 1); }), ::testing::HasSubstr("SIGILL"));
}

INSTANTIATE_TEST_SUITE_P(CompiledTest, OldCpus,
                         ::testing::Values(OldCpu{"sse4", "Nehalem", "avx2"}, OldCpu{"avx2", "Haswell", "avx512"}),
                         [](const auto& tested) { return std::string(tested.param.cpu); });

}  // namespace
}  // namespace triage::exporting
