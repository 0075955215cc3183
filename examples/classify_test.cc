// Runs the example as a user would: on a plan and an image made here.
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/command_test_support.h"
#include "core/files/file.h"
#include "engine/testing/test_models.h"
#include "plan/plan.h"

namespace triage {
namespace {

Ran run_example(const std::string& arguments) { return run_command(std::string(CLASSIFY) + " " + arguments); }

TEST(ClassifyExample, ReadsPpmAndPgmAndNamesWhatItCannotRead) {
  const fs::path directory = fs::path(testing::TempDir()) / std::format("triage_example_{}", ::getpid());
  fs::create_directories(directory);
  const std::string plan_argument = directory.string() + " ";
  for (int channels : {1, 3}) {
    const engine::TestModel model{.channels = channels};
    plan::Plan plan{.name = "one", .input = {channels, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
    plan.policy = plan::PolicyKind::confidence;
    plan.stages.push_back({.name = "only",
                           .arch = plan::ArchSpec::parse("6"),
                           .onnx = "only.onnx",
                           .sha256 = sha256_hex(model.bytes()),
                           .feature_width = 6});
    write_file_atomic(directory / "only.onnx", model.bytes());
    plan::save_plan(directory, plan);

    const std::string image = (directory / "image.ppm").string(), pixels(20 * channels, 'x');
    write_file_atomic(image, (channels == 3 ? "P6\n5 4\n255\n" : "P5\n5 4\n255\n") + pixels);
    const std::vector<float> input(pixels.size(), 'x' / 255.0f), logits = model.logits(input);
    const std::string label = plan.classes[std::ranges::max_element(logits) - logits.begin()];
    const Ran good = run_example(plan_argument + image);
    EXPECT_EQ(good.code, 0);
    EXPECT_EQ(good.output.substr(0, 4), label + " ") << good.output;
    EXPECT_NE(good.output.find(", exit only, "), std::string::npos) << good.output;

    write_file_atomic(image, "P6\n5 4\n255\nshort");
    EXPECT_EQ(run_example(plan_argument + image).code, 1);
    write_file_atomic(image, (channels == 3 ? "P6\n4 5\n255\n" : "P5\n4 5\n255\n") + pixels);
    EXPECT_NE(run_example(plan_argument + image).output.find("expected 4x5x"), std::string::npos);
  }
  EXPECT_EQ(run_example("").code, 2);
  const Ran missing = run_example("nowhere image.ppm");
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.output, "nowhere/plan.json: no such file; expected a plan directory\n");
  fs::remove_all(directory);
}

}  // namespace
}  // namespace triage
