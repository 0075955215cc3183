#include "evaluate/single_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/test_support.h"
#include "plan/plan.h"

namespace triage::evaluate {
namespace {

// little, an exit behind it that reads its features, and big; as a file, since the stages' files are not networks.
void write_plan(const fs::path& directory) {
  const auto stage = [&](const char* name, const char* input) {
    write_file_atomic(directory / (std::string(name) + ".onnx"), std::string("network of ") + name);
    return Json{{"name", name},
                {"arch", "8"},
                {"input", input},
                {"onnx", std::string(name) + ".onnx"},
                {"sha256", std::string(64, 'a')},
                {"feature_width", 0},
                {"macs", 10},
                {"parameters", 20},
                {"exit", {{"temperature", 1.5}, {"threshold", 0.25}}}};
  };
  fs::create_directories(directory);
  Json json = {{"version", 1},
               {"name", "pair"},
               {"input", {{"channels", 3}, {"height", 8}, {"width", 8}}},
               {"classes", {"ant", "bee"}},
               {"policy", "confidence"},
               {"stages", {stage("little", "image"), stage("deeper", "features"), stage("big", "image")}},
               {"predicted", {{"accuracy", 0.9}, {"mean_latency_us", 5.0}, {"exit_share", {0.5, 0.25, 0.25}}}}};
  json["stages"][1]["source"] = 0;
  write_sealed_json(directory / "plan.json", json);
}

TEST(SingleStage, IsAPlanOfItsOwn) {
  const TempDir work;
  write_plan(work / "plan");
  write_single_stage(work / "plan", "big", work / "alone");
  const plan::Plan alone = plan::load_plan(work / "alone");
  EXPECT_EQ(alone.name, "pair big");
  ASSERT_EQ(alone.stages.size(), 1u);
  EXPECT_EQ(alone.stages[0].name, "big");
  EXPECT_EQ(alone.stages[0].exit.temperature, 1.5);  // its probabilities stay calibrated
  EXPECT_EQ(alone.stages[0].exit.router, std::nullopt);
  EXPECT_FALSE(alone.predicted.has_value());  // that was of the whole plan
  EXPECT_EQ(read_file(work.path() / "alone" / "big.onnx"), "network of big");
  EXPECT_FALSE(fs::exists(work.path() / "alone" / "little.onnx"));
}

TEST(SingleStage, NamesTheStagesThatStandAlone) {
  const TempDir work;
  write_plan(work / "plan");
  for (const char* wanted : {"huge", "deeper"}) {  // deeper needs little's features
    EXPECT_THAT(error_of([&] { write_single_stage(work / "plan", wanted, work / "alone"); }),
                testing::HasSubstr(std::string("stage: found '") + wanted +
                                   "', expected one that starts from the image: little, big"));
  }
  EXPECT_FALSE(fs::exists(work / "alone"));
}

}  // namespace
}  // namespace triage::evaluate
