#include "workflow/run/imported_stages.h"

#include "core/rng.h"
#include "importing/test_nets.h"
#include "workflow/cascade/imported_record.h"
#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Images of one colour each, labelled as the net of importing/test_nets.h answers about pixels from 0 to 1.
class ImportedStages : public testing::Test {
 protected:
  ImportedStages() {
    importing::testing_nets::save(net_.model(), file());
    Rng rng(1);
    data::RawDataset raw;
    raw.info = {
        .name = "colours", .channels = 3, .height = 4, .width = 5, .classes = {"a", "b", "c"}, .train_count = 300};
    for (std::uint32_t i = 0; i < raw.info.train_count; ++i) {
      std::vector<float> image(60);
      for (std::size_t c = 0; c < 3; ++c) {
        const auto value = static_cast<std::uint8_t>(rng.below(256));
        for (std::size_t p = 0; p < 20; ++p) image[c * 20 + p] = static_cast<float>(value) / 255;
      }
      for (std::size_t p = 0; p < 20; ++p)
        for (std::size_t c = 0; c < 3; ++c)
          raw.pixels.push_back(static_cast<std::uint8_t>(std::lround(image[c * 20 + p] * 255)));
      const std::vector<float> said = net_.logits(image);
      raw.labels.push_back(static_cast<Label>(std::ranges::max_element(said) - said.begin()));
    }
    data::write_dataset(raw, directory_ / "d.tds");
    dataset_ = data::Dataset::open(directory_ / "d.tds");
    for (std::uint32_t i = 0; i < raw.info.train_count; ++i) images_.push_back(i);
  }

  fs::path file() const { return directory_ / "x.onnx"; }
  StageConfig stage() const {
    StageConfig stage{.name = "theirs"};
    stage.onnx = OnnxConfig{.file = file()};
    return stage;
  }
  ImportedStage import(const StageConfig& stage) {
    RecordingSink sink;
    const ImportedStage made = import_stage(stage, {*dataset_, images_}, directory_ / "run", sink.context());
    said_ = sink.messages();
    return made;
  }

  TempDir directory_;
  importing::testing_nets::TestNet net_;
  std::optional<data::Dataset> dataset_;
  std::vector<std::uint32_t> images_;
  std::vector<std::string> said_;
};

TEST_F(ImportedStages, AreImportedOnceAndFoundAgain) {
  const ImportedStage first = import(stage());
  EXPECT_FALSE(first.known);
  EXPECT_EQ(first.net.stage.name, "theirs");
  EXPECT_EQ(first.file, directory_ / "run/imported/theirs.onnx");
  EXPECT_EQ(sha256_file(first.file), first.net.stage.sha256);
  EXPECT_THAT(said_, Contains(HasSubstr("preprocessing found on 300 images")));
  const ImportedStage again = import(stage());
  EXPECT_TRUE(again.known);
  EXPECT_EQ(to_json(again.net), to_json(first.net));
  EXPECT_THAT(said_, Contains(HasSubstr("x.onnx, imported before; answers logits")));
}

TEST_F(ImportedStages, OfFilesThatChangedTheRunDoesNotGoOn) {
  const ImportedStage first = import(stage());
  write_json(directory_ / "x.preprocess.json", preprocess::to_json(*first.net.stage.preprocess));
  EXPECT_THAT(error_of([&] { import(stage()); }),
              HasSubstr("stage 'theirs': preprocess has changed since this run imported it: expected \"none\""));
  fs::remove(directory_ / "x.preprocess.json");
  StageConfig other = stage();
  other.onnx->features = "pooled";
  EXPECT_THAT(error_of([&] { import(other); }), HasSubstr("features has changed"));
  net_.opset = 18;
  importing::testing_nets::save(net_.model(), file());
  EXPECT_THAT(error_of([&] { import(stage()); }), HasSubstr("x.onnx: stage 'theirs': onnx has changed"));
}

TEST_F(ImportedStages, AFileInTheRunThatIsDamagedIsNamed) {
  const ImportedStage first = import(stage());
  write_file_atomic(first.file, "x");
  EXPECT_THAT(error_of([&] { import(stage()); }), HasSubstr("theirs.onnx: damaged"));
}

TEST_F(ImportedStages, WhatCannotBeImportedIsRefusedBeforehand) {
  EXPECT_EQ(error_of([&] { check_imported(stage(), *dataset_, "c.toml"); }), "no error");
  StageConfig other = stage();
  other.onnx->file = directory_ / "none.onnx";
  EXPECT_THAT(error_of([&] { check_imported(other, *dataset_, "c.toml"); }),
              HasSubstr("c.toml: stage 'theirs': onnx: expected a file, found none at "));
  other = stage();
  other.onnx->classes = directory_ / "none.txt";
  EXPECT_THAT(error_of([&] { check_imported(other, *dataset_, "c.toml"); }), HasSubstr("classes: expected a file"));
  write_file_atomic(directory_ / "two.txt", "a\nb\n");
  other.onnx->classes = directory_ / "two.txt";
  EXPECT_THAT(error_of([&] { check_imported(other, *dataset_, "c.toml"); }), HasSubstr("expected one of [N, 2]"));
  other = stage();
  other.onnx->features = "nothing";
  EXPECT_THAT(error_of([&] { check_imported(other, *dataset_, "c.toml"); }), HasSubstr("nothing"));
  write_file_atomic(directory_ / "p.json", "{}");
  other = stage();
  other.onnx->preprocess = directory_ / "p.json";
  EXPECT_THAT(error_of([&] { check_imported(other, *dataset_, "c.toml"); }), HasSubstr("p.json"));
}

}  // namespace
}  // namespace triage::workflow
