#include "train/class_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/test_support.h"
#include "train/distill.h"

namespace triage::train {
namespace {

TEST(ClassWeights, MakeEveryClassCountTheSame) {
  data::RawDataset raw;
  raw.info = {.name = "unequal",
              .source = "a test",
              .channels = 1,
              .height = 1,
              .width = 1,
              .classes = {"fine", "defect", "never"},
              .train_count = 12};
  raw.labels = {0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 2};
  raw.pixels.resize(12);
  const TempDir directory;
  data::write_dataset(raw, directory / "a.tds");
  const data::Dataset dataset = data::Dataset::open(directory / "a.tds");
  std::vector<std::uint32_t> indices(10);  // 8 fine, 2 defect
  std::iota(indices.begin(), indices.end(), 0u);
  EXPECT_FALSE(class_weights(ClassWeights::none, dataset, indices));
  const at::Tensor weights = *class_weights(ClassWeights::balanced, dataset, indices);
  EXPECT_TRUE(at::allclose(weights, at::tensor({10 / 16.0f, 10 / 4.0f, 0.0f})));
  // A wrong answer to a defect costs as much as four to fine ones: sum w_y * loss / sum w_y.
  const at::Tensor logits = at::tensor({1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f}).view({2, 3}),
                   labels = at::tensor({0, 1}, at::kLong);
  const double right = std::log(std::exp(1.0) + 2) - 1, wrong = std::log(std::exp(1.0) + 2);
  const double loss = distillation_loss(logits, logits, Labels(labels), 1, 0, 0, weights).item<double>();
  EXPECT_NEAR(loss, (0.625 * right + 2.5 * wrong) / 3.125, 1e-6);
}

TEST(ClassWeights, AreReadAndPartOfWhatATrainingIs) {
  TrainOptions options;
  ConfigSection section = Config::parse("class_weights = \"balanced\"", "test").root();
  read_train_options(section, options);
  section.finish();
  EXPECT_EQ(options.class_weights, ClassWeights::balanced);
  EXPECT_EQ(to_json(options).at("class_weights"), "balanced");
  EXPECT_FALSE(to_json(TrainOptions{}).contains("class_weights"));  // runs of before go on
  ConfigSection bad = Config::parse("class_weights = \"some\"", "test").root();
  EXPECT_THAT(error_of([&] { read_train_options(bad, options); }),
              testing::HasSubstr("key 'class_weights': expected none or balanced"));
}

}  // namespace
}  // namespace triage::train
