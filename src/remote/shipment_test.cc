#include "remote/shipment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/testing/test_models.h"
#include "remote/remote_check.h"

namespace triage::remote {
namespace {

class ShipmentTest : public testing::Test {
 protected:
  ShipmentTest() {
    device_.architecture = elf_architecture(device_.program);  // this test program stands in for the measuring one
    const std::string model = engine::TestModel{}.bytes();
    plan::Stage stage{.name = "net", .feature_width = 6};
    stage.preprocess = preprocess::Preprocess{
        .resize = {.mode = preprocess::ResizeMode::exact, .height = 4, .width = 5}, .height = 4, .width = 5};
    stage.preprocess->mean = {0, 0, 0};
    stage.preprocess->stddev = {1, 1, 1};
    stage.onnx = "net.onnx";
    write_file_atomic(directory_ / "net.onnx", model);
    stage.sha256 = sha256_hex(model);
    plan_.stages.push_back(stage);
  }
  Shipment shipped(measure::Images images) const {
    return ship(device_, {plan_, false}, directory_.path(), images, {});
  }

  TempDir directory_;
  Device device_{.name = "here", .ssh = "here", .program = "/proc/self/exe"};
  plan::Plan plan_{
      .name = "photos", .input = {.channels = 3, .height = 0, .width = 0}, .classes = {"a", "b", "c", "d"}};
  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(300, 9);
};

// What is sent is what the device measures with: all images with their sizes, and how each stage sees them.
TEST_F(ShipmentTest, ImagesOfManySizesArriveAsTheyAre) {
  const std::vector<ImageView> images{{pixels_.data(), 10, 10, 3}, {pixels_.data(), 3, 2, 3}};
  const Shipment shipment = shipped(images);
  write_file_atomic(directory_ / "images.bin", shipment.images.bytes);
  write_file_atomic(directory_ / "stages.json", shipment.plan.back().bytes);
  const plan::Plan there = measure::load_measurable(directory_.path()).plan;
  EXPECT_TRUE(there.input.any_size());
  EXPECT_EQ(there.stages[0].preprocess, plan_.stages[0].preprocess);
  const measure::ImageFile file(directory_ / "images.bin", there.input);
  ASSERT_EQ(file.images().size(), 2u);
  EXPECT_EQ(file.images()[1].height, 3);
  EXPECT_EQ(file.images()[1].width, 2);
  EXPECT_NE(shipped(std::span(images).first(1)).state_name, shipment.state_name);  // another measurement
}

}  // namespace
}  // namespace triage::remote
