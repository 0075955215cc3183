#include "preprocess/preprocess_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::preprocess {
namespace {

using testing::HasSubstr;

constexpr NetworkInput kInput{.height = 224, .width = 224};

class PreprocessFiles : public testing::Test {
 protected:
  Preprocess read(const std::string& text, const NetworkInput& input = kInput) {
    write_file_atomic(file_, text);
    return read_preprocess_file(file_, input);
  }
  std::string refusal(const std::string& text, const NetworkInput& input = kInput) {
    return error_of([&] { read(text, input); });
  }

  TempDir directory_;
  const fs::path file_ = directory_ / "config.json";
};

// timm/mobilevit_xxs.cvnets_in1k and resnet50.a1_in1k as their files have it, shortened.
TEST_F(PreprocessFiles, TimmsConfig) {
  const Preprocess found = read(R"({"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {
    "input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center",
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}})");
  EXPECT_EQ(found.resize,
            (Resize{.mode = ResizeMode::shorter, .height = 235, .interpolation = Interpolation::bicubic}));  // 235.8
  EXPECT_EQ(found.height, 224);
  EXPECT_EQ(found.mean, (std::vector{0.485, 0.456, 0.406}));
  EXPECT_EQ(found.stddev, (std::vector{0.229, 0.224, 0.225}));
  EXPECT_EQ(found.scale, 1.0 / 255);
}

TEST_F(PreprocessFiles, TimmsDefaultsAndSquash) {
  const Preprocess found = read(R"({"mean": [0, 0, 0], "std": [1, 1, 1]})");
  EXPECT_EQ(found.resize,
            (Resize{.mode = ResizeMode::shorter, .height = 256, .interpolation = Interpolation::bicubic}));
  const NetworkInput wide{.height = 128, .width = 256};
  const Preprocess squashed = read(
      R"({"mean": [0, 0, 0], "std": [1, 1, 1], "crop_mode": "squash", "crop_pct": 1, "interpolation": "bilinear"})",
      wide);
  EXPECT_EQ(squashed.resize, (Resize{.mode = ResizeMode::exact, .height = 128, .width = 256}));
  EXPECT_EQ(
      refusal(R"({"mean": [0, 0, 0], "std": [1, 1, 1]})", wide),
      file_.string() + ": crop_mode: expected squash for a network that takes 128x256 (height x width), found center");
}

TEST_F(PreprocessFiles, TimmsMistakesAreNamed) {
  EXPECT_EQ(
      refusal(R"({"pretrained_cfg": {"mean": [0], "std": [1, 1, 1]}})"),
      file_.string() +
          ": pretrained_cfg.mean: expected 3 numbers, one for each channel of the network, found a list of 1 elements");
  EXPECT_THAT(refusal(R"({"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "lanczos"})"),
              HasSubstr("interpolation: expected nearest, bilinear, bicubic or box, found \"lanczos\""));
  EXPECT_THAT(refusal(R"({"mean": [0, 0, 0], "std": [1, 1, 1], "crop_mode": "border"})"),
              HasSubstr("crop_mode: expected center or squash, found \"border\""));
  EXPECT_THAT(refusal(R"({"mean": [0, 0, 0], "std": [1, 0, 1]})"), HasSubstr("stddev[1]: expected a number from"));
}

// google/vit-base-patch16-224.
TEST_F(PreprocessFiles, HuggingFacesVit) {
  const std::string text = R"({"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
                               "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": )";
  for (const char* size : {"224}", R"({"height": 224, "width": 224}})"}) {
    const Preprocess found = read(text + size);
    EXPECT_EQ(found.resize, (Resize{.mode = ResizeMode::exact, .height = 224, .width = 224}));
    EXPECT_EQ(found.mean, (std::vector{0.5, 0.5, 0.5}));
    EXPECT_EQ(found.scale, 1.0 / 255);
  }
  EXPECT_EQ(refusal(text + "384}"),
            file_.string() + ": size: expected the size that the network takes, 224x224 (height x width), found 384");
}

// apple/mobilevit-small: BGR, values in 0..1; microsoft/resnet-50 of before and after size was an object.
TEST_F(PreprocessFiles, HuggingFacesCrops) {
  const Preprocess mobilevit = read(R"({"crop_size": {"height": 256, "width": 256}, "do_center_crop": true,
    "do_flip_channel_order": true, "do_resize": true, "resample": 2, "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 288}})",
                                    {.height = 256, .width = 256});
  EXPECT_EQ(mobilevit.resize, (Resize{.mode = ResizeMode::shorter, .height = 288}));
  EXPECT_EQ(mobilevit.order, ChannelOrder::bgr);
  EXPECT_EQ(mobilevit.mean, (std::vector<double>{0, 0, 0}));
  const Preprocess resnet =
      read(R"({"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "resample": 3, "size": 224,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]})");
  EXPECT_EQ(resnet.resize,
            (Resize{.mode = ResizeMode::shorter, .height = 256, .interpolation = Interpolation::bicubic}));
  const Preprocess large = read(R"({"crop_pct": null, "do_resize": true, "do_rescale": false, "resample": 3,
    "size": {"height": 224, "width": 224}, "image_mean": [1, 2, 3], "image_std": [4, 5, 6]})");
  EXPECT_EQ(large.scale, 1);
  EXPECT_EQ(large.resize.mode, ResizeMode::exact);
}

// google/efficientnet-b0: image_std is divided by twice.
TEST_F(PreprocessFiles, HuggingFacesEfficientNet) {
  const Preprocess found =
      read(R"({"do_center_crop": false, "do_normalize": true, "do_rescale": true, "do_resize": true,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.5, 0.25, 2], "include_top": true, "resample": 0,
    "rescale_factor": 0.00784313725490196, "rescale_offset": true, "size": {"height": 224, "width": 224}})");
  EXPECT_EQ(found.resize.interpolation, Interpolation::nearest);
  EXPECT_EQ(found.mean, (std::vector{1 + 0.485, 1 + 0.456, 1 + 0.406}));
  EXPECT_EQ(found.stddev, (std::vector{0.25, 0.0625, 4.0}));
}

TEST_F(PreprocessFiles, HuggingFacesMistakesAreNamed) {
  const std::string good = R"("do_resize": true, "resample": 2, "size": {"height": 224, "width": 224})";
  EXPECT_THAT(refusal("{" + good + R"(, "do_pad": true})"),
              HasSubstr("do_pad: expected false: it cannot be done here, found true"));
  EXPECT_THAT(refusal(R"({"do_resize": true, "resample": 1, "size": 224})"),
              HasSubstr("resample: expected 0 (nearest), 2 (bilinear), 3 (bicubic) or 4 (box), found 1"));
  EXPECT_THAT(refusal(R"({"do_resize": true, "resample": 2, "size": {"shortest_edge": 224}})"),
              HasSubstr("size: expected height and width, or a crop_size with do_center_crop"));
  EXPECT_THAT(refusal(R"({"do_resize": true, "resample": 2, "size": {"shortest_edge": 8, "longest_edge": 9}})"),
              HasSubstr("size.longest_edge: expected none"));
  EXPECT_THAT(refusal("{" + good + R"(, "do_normalize": true})"), HasSubstr("field 'image_mean' is missing"));
}

TEST_F(PreprocessFiles, OursAndOthers) {
  Preprocess own = plain_preprocess(kInput);
  own.resize = {.mode = ResizeMode::exact, .height = 230, .width = 231, .interpolation = Interpolation::area};
  EXPECT_EQ(read(to_json(own).dump()), own);
  EXPECT_EQ(
      refusal(to_json(own).dump(), {.height = 224, .width = 224, .channels = 1}),
      file_.string() +
          ": expected 224x224x1 nchw as the network takes, found 224x224x3 nchw (height x width x channels, layout)");
  EXPECT_THAT(refusal(R"({"model_type": "bert"})"), HasSubstr("found none of their fields"));
}

TEST_F(PreprocessFiles, TheFileOfAnOnnxFile) {
  const fs::path folder = directory_ / "onnx", onnx = folder / "model.v2.onnx";
  fs::create_directory(folder);
  EXPECT_EQ(preprocess_file_of(onnx), std::nullopt);
  write_file_atomic(file_, R"({"model_type": "vit"})");
  EXPECT_EQ(preprocess_file_of(onnx), std::nullopt);
  write_file_atomic(file_, R"({"pretrained_cfg": {}})");
  EXPECT_EQ(preprocess_file_of(onnx), file_);
  write_file_atomic(directory_ / "preprocessor_config.json", "{}");
  EXPECT_EQ(preprocess_file_of(onnx), directory_ / "preprocessor_config.json");
  write_file_atomic(folder / "model.v2.preprocess.json", "{}");
  EXPECT_EQ(preprocess_file_of(onnx), folder / "model.v2.preprocess.json");
}

}  // namespace
}  // namespace triage::preprocess
