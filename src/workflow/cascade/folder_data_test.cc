#include "workflow/cascade/folder_data.h"

#include "data/dataset.h"
#include "data/image/image.h"
#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Folder {
 public:
  // Images of different sizes.
  void add(const std::string& in, int count) {
    for (int i = 0; i < count; ++i) {
      data::Image image{5 + i % 3, 4 + i % 2, 3, {}};
      for (int p = 0; p < image.height * image.width * 3; ++p) image.pixels.push_back(static_cast<std::uint8_t>(p * i));
      const std::vector<std::uint8_t> bytes = data::encode_png(image);
      fs::create_directories(photos() / in);
      write_file_atomic(photos() / in / std::format("{}.png", i), std::string(bytes.begin(), bytes.end()));
    }
  }
  fs::path photos() const { return directory_ / "photos"; }
  fs::path out() const { return directory_ / "plan"; }
  FolderData import() const { return import_folder(photos(), out(), {}, {}); }
  std::vector<std::uint32_t> counts() const {  // training, validation, test
    const data::DatasetInfo info = data::Dataset::open(import().file).info();
    return {info.train_count, info.validation_count, info.test_count};
  }

 private:
  TempDir directory_;
};

TEST(FolderData, WithoutSplitsImagesAreDrawn) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) folder.add(name, 10);
  const FolderData made = folder.import();
  EXPECT_EQ(made.file.filename(), "photos.imported.tds");
  EXPECT_TRUE(fs::equivalent(made.file.parent_path(), folder.out().parent_path()));
  EXPECT_THAT(made.notes, ElementsAre(HasSubstr("has no splits, so its images are drawn: 40 % for fitting")));
  EXPECT_THAT(folder.counts(), ElementsAre(8, 6, 6));
  const data::Dataset dataset = data::Dataset::open(made.file);
  EXPECT_TRUE(dataset.encoded());
  EXPECT_THAT(dataset.info().classes, ElementsAre("cat", "dog"));
}

TEST(FolderData, OneSplitAloneIsAFolderWithoutSplits) {
  Folder folder;
  for (const char* name : {"val/cat", "val/dog"}) folder.add(name, 10);
  EXPECT_THAT(folder.counts(), ElementsAre(8, 6, 6));
}

TEST(FolderData, TestImagesGiveHalfWhereNobodyElseValidates) {
  for (const char* split : {"test", "val"}) {
    Folder folder;
    for (const char* name : {"cat", "dog"}) {
      folder.add(fs::path("train") / name, 4);
      folder.add(fs::path(split) / name, 6);
    }
    EXPECT_THAT(folder.counts(), ElementsAre(8, 6, 6)) << split;
  }
}

TEST(FolderData, ThreeSplitsAreTakenAsTheyAre) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) {
    folder.add(fs::path("train") / name, 4);
    folder.add(fs::path("val") / name, 3);
    folder.add(fs::path("test") / name, 2);
  }
  EXPECT_THAT(folder.counts(), ElementsAre(8, 6, 4));
  EXPECT_TRUE(folder.import().notes.empty());
}

TEST(FolderData, IsImportedAgainOnlyWhereItsFilesChanged) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) folder.add(name, 10);
  EXPECT_FALSE(folder.import().known);
  const FolderData again = folder.import();
  EXPECT_TRUE(again.known);
  EXPECT_EQ(again.notes.size(), 1u);  // of the splits, as before
  folder.add("cat", 12);
  EXPECT_FALSE(folder.import().known);
  EXPECT_EQ(data::Dataset::open(again.file).size(), 22u);
}

TEST(FolderData, AnotherDataSetInItsPlaceStays) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) folder.add(name, 10);
  const fs::path file = folder.import().file;
  data::RawDataset raw{
      .info = {.name = "a", .channels = 1, .height = 1, .width = 1, .classes = {"x"}, .train_count = 1},
      .pixels = {1},
      .labels = {0}};
  data::write_dataset(raw, file);
  EXPECT_THAT(error_of([&] { folder.import(); }), HasSubstr("found another data set"));
  EXPECT_EQ(data::Dataset::open(file).info().name, "a");
}

TEST(FolderData, WhatIsNoImageIsNamed) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) folder.add(name, 10);
  write_file_atomic(folder.photos() / "cat" / "cut.png", read_file(folder.photos() / "cat" / "1.png").substr(0, 40));
  EXPECT_THAT(error_of([&] { folder.import(); }), HasSubstr("cut.png"));
  const TempDir empty;
  EXPECT_THAT(error_of([&] { import_folder(empty.path(), folder.out(), {}, {}); }), HasSubstr("no class folders"));
}

TEST(FolderData, SizedForTraining) {
  Folder folder;
  for (const char* name : {"cat", "dog"}) folder.add(name, 10);
  const FolderImport how{.side = 16, .drawn = {0.8, 0.1, 0.1}};
  const FolderData made = import_folder(folder.photos(), folder.out(), how, {});
  EXPECT_EQ(made.file.filename(), "photos.16px.tds");
  EXPECT_THAT(made.notes, ElementsAre(testing::EndsWith("80 % for fitting, 10 % for validation, 10 % for test")));
  const data::DatasetInfo info = data::Dataset::open(made.file).info();
  EXPECT_EQ(info.height, 16);
  EXPECT_EQ(info.width, 16);
  EXPECT_EQ(info.fit, Fit::crop);
  EXPECT_EQ(info.train_count, 16u);
  EXPECT_TRUE(import_folder(folder.photos(), folder.out(), how, {}).known);
}

TEST(FolderData, MedianSide) {
  Folder folder;
  folder.add("train/cat", 9);  // 5, 6 or 7 high, 4 or 5 wide
  folder.add("test/cat", 9);
  EXPECT_EQ(median_side(folder.photos()), 4);
  const TempDir empty;
  fs::create_directories(empty / "cat");
  write_file_atomic(empty.path() / "cat/a.jpg", "no image");
  EXPECT_THAT(error_of([&] { median_side(empty.path()); }), HasSubstr("images"));
}

}  // namespace
}  // namespace triage::workflow
