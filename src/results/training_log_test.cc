#include "results/training_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::results {
namespace {

TEST(TrainingLog, SurvivesTheFile) {
  const TempDir work;
  const TrainingStep first{.stage = "big", .epoch = 1, .step = 83, .loss = 1.5, .rate = 0.1, .images_per_s = 800},
      last{.stage = "supernet",
           .epoch = 2,
           .step = 166,
           .loss = 1.25,
           .train_accuracy = 0.75,
           .rate = 0.05,
           .images_per_s = 810,
           .seconds = 51,
           .validation_accuracy = 0.7,
           .subnet_loss = 1.75,
           .subnet_seed = 18'000'000'000'000'000'000u,
           .smallest_validation_accuracy = 0.5};
  for (const TrainingStep& step : {first, last}) append_line(work / "metrics.jsonl", dump_json(to_json(step)));
  const std::vector<TrainingStep> read = load_training_log(work / "metrics.jsonl");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(to_json(read[0]).dump(), to_json(first).dump());
  EXPECT_EQ(to_json(read[1]).dump(), to_json(last).dump());
  EXPECT_EQ(read[0].validation_accuracy, std::nullopt);
  EXPECT_EQ(read[1].subnet_seed, last.subnet_seed);
}

TEST(TrainingLog, OtherLinesAreLeftOut) {
  const TempDir work;
  write_file_atomic(work / "metrics.jsonl", "{\"router\": 1}\n\n{\"stage\": \"big\", \"epoch\": 1, \"step\": 2}\n");
  EXPECT_EQ(load_training_log(work / "metrics.jsonl").size(), 1u);
}

TEST(TrainingLog, ErrorsNameTheLine) {
  const TempDir work;
  write_file_atomic(work / "metrics.jsonl",
                    "{\"stage\": \"big\", \"epoch\": 1, \"step\": 2}\n{\"stage\": \"big\", \"epoch\": \"two\"}\n");
  EXPECT_THAT(error_of([&] { load_training_log(work / "metrics.jsonl"); }),
              testing::AllOf(testing::HasSubstr("metrics.jsonl:2: epoch"), testing::HasSubstr("found \"two\"")));
}

}  // namespace
}  // namespace triage::results
