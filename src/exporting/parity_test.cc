#include "exporting/parity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "engine/fake/fake_session.h"

namespace triage::exporting {
namespace {

using ::testing::HasSubstr;

constexpr int kSize = 3;

// Outputs "logits" [n, 3] = the image and "score" [n, 1] = its first value, with one change planted at an image.
Engine engine(const std::string& name, int changed_image = -1, int element = 0, float change = 0) {
  auto seen = std::make_shared<int>(0);  // images of earlier batches
  return {name, [=](std::span<const float> images, int n) {
            NamedOutputs outputs;
            outputs["logits"].assign(images.begin(), images.end());
            for (int i = 0; i < n; ++i) outputs["score"].push_back(images[i * kSize]);
            if (changed_image >= *seen && changed_image < *seen + n)
              outputs["logits"][(changed_image - *seen) * kSize + element] += change;
            *seen += n;
            return outputs;
          }};
}

std::vector<float> ramp(int n) {
  std::vector<float> images;
  for (int i = 0; i < n * kSize; ++i) images.push_back(0.01f * i);
  return images;
}

TEST(ParityTest, EqualEnginesAgreeExactly) {
  const auto parity = check_parity(engine("a"), engine("b"), ramp(10), 10, {.batch = 4});
  EXPECT_TRUE(parity.ok());
  require_parity(parity);
  ASSERT_EQ(parity.outputs.size(), 2u);
  for (const auto& output : parity.outputs) {
    EXPECT_EQ(output.max_absolute, 0);
    EXPECT_EQ(output.argmax_disagreements, 0u);
  }
}

TEST(ParityTest, NamesAPlantedDifference) {
  // Image 7 lies in the second batch; its logits are 0.21, 0.22, 0.23: the change also moves the largest one.
  const auto parity = check_parity(engine("libtorch"), engine("compiled", 7, 1, 0.5f), ramp(10), 10, {.batch = 4});
  EXPECT_FALSE(parity.ok());
  const auto& logits = parity.outputs.at(0);
  EXPECT_EQ(logits.output, "logits");
  EXPECT_EQ(logits.failures, 1u);
  EXPECT_EQ(logits.worst_image, 7u);
  EXPECT_EQ(logits.worst_element, 1u);
  EXPECT_NEAR(logits.max_absolute, 0.5, 1e-6);
  EXPECT_NEAR(logits.max_relative, 0.5 / 0.22, 1e-4);
  EXPECT_NEAR(logits.expected, 0.22, 1e-6);
  EXPECT_NEAR(logits.found, 0.72, 1e-6);
  EXPECT_EQ(logits.argmax_disagreements, 1u);
  EXPECT_EQ(parity.outputs.at(1).failures, 0u);
  try {
    require_parity(parity);
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("compiled against libtorch, 10 images"));
    EXPECT_THAT(error.what(), HasSubstr("FAILED logits: 1 of 30 values outside"));
    EXPECT_THAT(error.what(), HasSubstr("image 7, element 1"));
  }
  EXPECT_EQ(to_json(parity)["outputs"][0]["worst_image"], 7);
}

TEST(ParityTest, ToleranceIsAbsolutePlusRelative) {
  const ParityOptions options{.absolute = 1e-3, .relative = 1e-2};
  // The value is 0.22: 1e-3 + 1e-2 * 0.22 = 3.2e-3.
  EXPECT_TRUE(check_parity(engine("a"), engine("b", 7, 1, 3.1e-3f), ramp(10), 10, options).ok());
  EXPECT_FALSE(check_parity(engine("a"), engine("b", 7, 1, -3.3e-3f), ramp(10), 10, options).ok());
}

TEST(ParityTest, NotANumberFails) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto parity = check_parity(engine("a"), engine("b", 2, 0, nan), ramp(4), 4);
  EXPECT_FALSE(parity.ok());
  EXPECT_EQ(parity.outputs[0].worst_image, 2u);
  EXPECT_FALSE(check_parity(engine("a", 2, 0, nan), engine("b"), ramp(4), 4).ok());
}

TEST(ParityTest, RefusesOutputsThatCannotBeCompared) {
  const Engine poor{"poor", [](std::span<const float> images, int) {
                      return NamedOutputs{{"logits", {images.begin(), images.end()}}};
                    }};
  const auto images = ramp(2);
  EXPECT_TRUE(check_parity(poor, engine("rich"), images, 2).ok());  // what the reference gives is compared
  EXPECT_TRUE(check_parity(engine("rich"), poor, images, 2, {.outputs = {"logits"}}).ok());
  EXPECT_THROW(check_parity(engine("rich"), poor, images, 2), Error);
  const Engine small{"small",
                     [](std::span<const float>, int n) { return NamedOutputs{{"logits", std::vector<float>(n)}}; }};
  EXPECT_THROW(check_parity(poor, small, images, 2), Error);
  EXPECT_THROW(check_parity(poor, poor, images, 0), Error);
  EXPECT_THROW(check_parity(poor, poor, images, 4), Error);
}

}  // namespace
}  // namespace triage::exporting
