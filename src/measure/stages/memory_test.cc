#include "measure/stages/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/testing/test_models.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

// A plan of two stages that start from the image.
class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    plan::Plan plan{.name = "two", .input = {3, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
    plan.policy = plan::PolicyKind::confidence;
    for (int s = 0; s < 2; ++s) {
      const engine::TestModel model{.seed = static_cast<unsigned>(s) + 1};
      plan::Stage stage{.name = s == 0 ? "little" : "big", .arch = plan::ArchSpec::parse("6"), .feature_width = 6};
      stage.onnx = stage.name + ".onnx";
      write_file_atomic(directory_ / stage.onnx.c_str(), model.bytes());
      stage.sha256 = sha256_hex(model.bytes());
      stage.weight_bytes = 2048;
      stage.activation_bytes = s == 0 ? 1024 : 512;
      plan.stages.push_back(stage);
    }
    plan::save_plan(directory_.path(), plan);
  }
  std::vector<ImageView> images() const { return images_of_block(pixels_, {3, 4, 5}, "images"); }

  TempDir directory_;
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(120, 100);
};

TEST_F(MemoryTest, AProcessTellsItsPeak) {
  const ObservedMemory memory = observe_memory(directory_.path(), 1, images());
  EXPECT_GT(memory.empty_kb, 1000);
  EXPECT_GT(memory.loaded_kb, 0);
  EXPECT_GE(memory.peak_kb, memory.loaded_kb);
  const ObservedMemory read = observed_memory_from_json(to_json(memory), "memory");
  EXPECT_EQ(read.peak_kb, memory.peak_kb);
}

TEST_F(MemoryTest, BadExitsAreNamed) {
  EXPECT_EQ(error_of([&] { observe_memory(directory_.path(), 2, images()); }),
            "memory: exit: found 2, expected 0 to 1");
}

// The measuring program is stood in for: it says which exit it was asked for.
TEST_F(MemoryTest, EveryPathIsAProcessOfItsOwn) {
  const fs::path program = directory_ / "measure";
  write_file_atomic(program,
                    "#!/bin/sh\n[ \"$3\" = --memory ] || exit 3\n"
                    "echo \"{\\\"empty_kb\\\": 9000, \\\"loaded_kb\\\": 50, \\\"peak_kb\\\": 6$4}\"\n");
  fs::permissions(program, fs::perms::owner_all);
  const std::vector<cost::PathMemory> paths = measure_memory(program, directory_.path(), images());
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_EQ(paths[0].stage, "little");
  EXPECT_EQ(paths[0].peak_kb, 60);
  EXPECT_EQ(paths[1].peak_kb, 61);
  EXPECT_EQ(paths[1].weights_kb, 4);      // both are loaded, whichever path is taken
  EXPECT_EQ(paths[1].activations_kb, 1);  // the larger of the path's
  write_file_atomic(program, "#!/bin/sh\necho 'no such plan' >&2\nexit 1\n");
  fs::permissions(program, fs::perms::owner_all);
  EXPECT_THAT(error_of([&] { measure_memory(program, directory_.path(), images()); }),
              HasSubstr(": ended with exit code 1: no such plan"));
}

}  // namespace
}  // namespace triage::measure
