// Layouts of folders and lists, splits, groups, bad and stray files, on images of one colour each.
#include "data/import/photos.h"

#include <set>

#include "data/data_test_support.h"

namespace triage::data {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Image plain(int height, int width, int channels, std::uint8_t value) {
  return {height, width, channels, Bytes(static_cast<std::size_t>(height) * width * channels, value)};
}

class Photos : public ::testing::Test {
 protected:
  void put(const std::string& file, const Image& image) {
    const Bytes png = encode_png(image);
    write_bytes(root() / file, png);
  }
  void put(const std::string& file, int value) { put(file, plain(2, 3, 1, static_cast<std::uint8_t>(value))); }
  void put_text(const std::string& file, const std::string& text) {
    write_bytes(root() / file, {text.begin(), text.end()});
  }
  fs::path root() const { return dir_ / "set"; }

  Dataset folder(const PhotoOptions& options = {}) {
    report_ = {};
    import_photos(scan_folder(root(), "pets", options, report_), options, dir_ / "out.tds", report_);
    return Dataset::open(dir_ / "out.tds");
  }
  Dataset list(const std::string& file, const ListOptions& columns = {}, const PhotoOptions& options = {}) {
    report_ = {};
    import_photos(read_photo_list(root() / file, "pets", columns, options, report_), options, dir_ / "out.tds",
                  report_);
    return Dataset::open(dir_ / "out.tds");
  }
  std::string folder_error(const PhotoOptions& options = {}) {
    return error_of([&] { folder(options); });
  }
  std::string list_error(const std::string& text, const ListOptions& columns = {}, const PhotoOptions& options = {}) {
    put_text("list.csv", text);
    return error_of([&] { list("list.csv", columns, options); });
  }

  TempDir dir_;
  ImportReport report_;
};

std::vector<int> values(const Dataset& dataset) {  // of the first pixel of each image
  std::vector<int> values;
  for (std::uint32_t i = 0; i < dataset.size(); ++i) values.push_back(dataset.image(i)[0]);
  return values;
}

PhotoOptions with_split(const std::string& shares) {
  PhotoOptions options;
  options.split = parse_split_shares(shares);
  return options;
}

TEST_F(Photos, SplitFoldersInAnyCaseAndOrder) {
  put("Train/cat/b.png", 20);
  put("Train/cat/a.png", 10);
  put("Train/dog/x.png", 30);
  put("TEST/dog/t.png", 60);
  put("TEST/cat/t.png", 50);
  put("Valid/cat/v.png", 40);
  const Dataset dataset = folder();
  EXPECT_EQ(dataset.info().classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(dataset.info().train_count, 3u);
  EXPECT_EQ(dataset.info().validation_count, 1u);
  EXPECT_EQ(dataset.info().test_count, 2u);
  EXPECT_EQ(values(dataset), (std::vector<int>{10, 20, 30, 40, 50, 60}));
  EXPECT_THAT(dataset.labels(), ElementsAre(0, 0, 1, 0, 0, 1));
  EXPECT_THAT(report_.notes,
              ElementsAre("Valid: the validation split of runs", "no validation image of 1 class, such as dog"));
}

TEST_F(Photos, ValAloneIsTheTest) {
  put("train/cat/a.png", 10);
  put("val/cat/v.png", 40);
  const Dataset dataset = folder();
  EXPECT_EQ(dataset.info().validation_count, 0u);
  EXPECT_EQ(dataset.info().test_count, 1u);
  EXPECT_THAT(report_.notes, ElementsAre(HasSubstr("val: taken as the test images")));
}

TEST_F(Photos, TrainAloneIsTakenAndSaid) {
  put("train/cat/a.png", 10);
  put("extra/cat/a.png", 10);
  EXPECT_EQ(folder().size(), 1u);
  EXPECT_THAT(report_.notes, ElementsAre("extra: neither train, test nor val: not read", HasSubstr("no test images")));
}

TEST_F(Photos, ClassFoldersAloneAreSplitByClass) {
  for (int i = 0; i < 40; ++i) put(std::format("cat/{}.png", i), i);
  for (int i = 0; i < 10; ++i) put(std::format("dog/deep/{}.png", i), 100 + i);
  EXPECT_THAT(folder_error(), HasSubstr("class folders without splits: expected train and test folders with these in "
                                        "them, or --split 80/10/10"));
  const Dataset dataset = folder(with_split("80/10/10"));
  EXPECT_EQ(dataset.info().train_count, 40u);
  EXPECT_EQ(dataset.info().validation_count, 5u);
  EXPECT_EQ(dataset.info().test_count, 5u);
  const auto dogs = [&](std::uint32_t first, std::uint32_t count) {
    const auto labels = dataset.labels().subspan(first, count);
    return std::ranges::count(labels, 1u);
  };
  EXPECT_EQ(dogs(0, 40), 8);
  EXPECT_EQ(dogs(40, 5), 1);
  EXPECT_EQ(dogs(45, 5), 1);
  const std::vector<int> first = values(dataset);
  EXPECT_EQ(values(folder(with_split("80/10/10"))), first);
  PhotoOptions other = with_split("80/10/10");
  other.seed = 2;
  EXPECT_NE(values(folder(other)), first);
  EXPECT_EQ(folder(with_split("0.8/0.2")).info().test_count, 10u);
}

TEST_F(Photos, AClassMayBeCalledTrain) {
  for (const char* name : {"bus", "train"}) {
    for (int i = 0; i < 5; ++i) put(std::format("{}/{}.png", name, i), i);
  }
  EXPECT_EQ(folder(with_split("60/40")).info().classes, (std::vector<std::string>{"bus", "train"}));
}

TEST_F(Photos, SplitsAreWrittenRight) {
  for (const char* bad :
       {"", "80", "80/10", "80/10/20", "0/50/50", "90/10/0", "80/ten/10", "50/20/20/10", "80/-10/30"}) {
    EXPECT_THROW(parse_split_shares(bad), UsageError) << bad;
  }
  EXPECT_EQ(parse_split_shares("70/30")[1], 0);
  put("train/cat/a.png", 10);
  put("test/cat/a.png", 10);
  EXPECT_THAT(folder_error(with_split("80/20")),
              HasSubstr("--split: expected a set without splits of its own, found test"));
}

TEST_F(Photos, GroupsStayTogether) {
  for (const char* name : {"00", "01"}) {
    for (int track = 0; track < 10; ++track) {
      for (int frame = 0; frame < 3; ++frame)
        put(std::format("{}/{:05}_{:05}.png", name, track, frame), 10 * track + frame);
    }
  }
  PhotoOptions options = with_split("80/20");
  options.group_by = "(.*)_";
  const Dataset dataset = folder(options);
  EXPECT_EQ(dataset.info().groups, 20u);
  std::set<std::uint32_t> train, test;
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    (i < dataset.info().train_count ? train : test).insert(dataset.groups()[i]);
  }
  EXPECT_EQ(train.size(), 16u);
  EXPECT_EQ(test.size(), 4u);
  options.group_by = "(x)";
  EXPECT_THAT(folder_error(options), HasSubstr("00/00000_00000.png: --group-by does not match"));
  options.group_by = "(";
  EXPECT_THAT(folder_error(options), HasSubstr("--group-by '(': not a regular expression"));
  options.group_by = "abc";
  EXPECT_THAT(folder_error(options), HasSubstr("expected a capture"));
}

TEST_F(Photos, GroupsOfOwnSplitsThatShareImagesAreSaid) {
  put("train/cat/a_1.png", 1);
  put("train/cat/b_1.png", 1);
  put("test/cat/a_2.png", 2);
  PhotoOptions options;
  options.group_by = "(.*)_";
  folder(options);
  EXPECT_THAT(report_.notes, Contains("1 of 2 groups have images in more than one of the set's own splits"));
}

TEST_F(Photos, OneColourImageMakesAllColour) {
  put("train/cat/a.png", 20);
  put("train/cat/b.png", 30);
  Image red = plain(2, 3, 3, 0);
  for (std::size_t i = 0; i < red.pixels.size(); i += 3) red.pixels[i] = 200;
  put("test/cat/b.png", red);
  const Dataset dataset = folder();
  EXPECT_EQ(dataset.info().channels, 3);
  EXPECT_EQ(dataset.image(1)[2], 30);
  EXPECT_EQ(dataset.image(2)[0], 200);
  EXPECT_EQ(dataset.image(2)[1], 0);
  PhotoOptions grey;
  grey.channels = 1;
  EXPECT_EQ(values(folder(grey)), (std::vector<int>{20, 30, 60}));  // 0.299 * 200
}

TEST_F(Photos, AStopWritesNothing) {
  for (int i = 0; i < 6; ++i) put(std::format("train/cat/{}.png", i), 10 * i);
  put("test/cat/a.png", 1);
  RecordingSink sink;
  sink.stop_at(3);
  PhotoOptions options;
  options.context = sink.context();
  EXPECT_THROW(folder(options), Interrupted);
  EXPECT_THAT(sink.said(), ElementsAre("start import 0/7 images", "gave up import 3/7"));
  EXPECT_FALSE(fs::exists(dir_ / "out.tds"));
}

TEST_F(Photos, MixedSizesNeedAResize) {
  put("train/cat/a.png", 20);
  put("test/cat/x.png", plain(4, 4, 1, 30));
  EXPECT_THAT(folder_error(), AllOf(HasSubstr("test/cat/x.png: 4x4 pixels, expected 2x3 as in train/cat/a.png"),
                                    HasSubstr("--height and --width resize")));
  PhotoOptions options;
  options.height = options.width = 5;
  EXPECT_EQ(folder(options).image_bytes(), 25u);
  options.width = 0;
  EXPECT_THAT(folder_error(options), HasSubstr("height 5 and width 0: expected both"));
}

TEST_F(Photos, AllBadFilesAreListedAndMayBeSkipped) {
  for (int i = 0; i < 4; ++i) put(std::format("train/cat/{}.png", i), i);
  put("test/cat/a.png", 9);
  Bytes png = encode_png(plain(2, 3, 1, 5));
  png.resize(png.size() - 30);
  write_bytes(root() / "train/cat/00.png", png);
  write_bytes(root() / "test/cat/z.jpg", {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F'});
  EXPECT_THAT(folder_error(), HasSubstr("2 of 7 images cannot be read; --skip-bad leaves them out"));
  ASSERT_EQ(report_.bad.size(), 2u);
  EXPECT_EQ(report_.bad[0].file, "train/cat/00.png");
  EXPECT_EQ(report_.bad[1].file, "test/cat/z.jpg");
  EXPECT_FALSE(report_.bad[1].reason.empty());
  EXPECT_EQ(entries(dir_.path()), 1u);  // no data set, nothing half-written
  PhotoOptions options;
  options.skip_bad = true;
  const Dataset dataset = folder(options);
  EXPECT_EQ(values(dataset), (std::vector<int>{0, 1, 2, 3, 9}));
  EXPECT_EQ(dataset.info().left_out, 2u);
  EXPECT_THAT(dataset.info().left_out_names, ElementsAre("train/cat/00.png", "test/cat/z.jpg"));
}

TEST_F(Photos, StrayFilesAreCountedByWhatTheyAre) {
  put("train/cat/a.png", 1);
  put("test/cat/a.png", 2);
  put_text("train/cat/.DS_Store", "x");
  put_text("train/.hidden/a.png", "x");
  put_text("train/cat/notes.txt", "these are cats\n");
  put_text("train/cat/empty.jpg", "");
  put_text("readme.md", "hello");
  fs::create_directory_symlink(root(), root() / "train/cat/round");
  fs::create_symlink(root() / "nowhere", root() / "train/cat/dead.png");
  EXPECT_EQ(folder().size(), 2u);
  EXPECT_THAT(report_.bad, IsEmpty());
  EXPECT_THAT(report_.not_images, Contains(Pair("hidden file", 1u)));
  EXPECT_THAT(report_.not_images, Contains(Pair("hidden folder", 1u)));
  EXPECT_THAT(report_.not_images, Contains(Pair("file beside the folders", 1u)));
  EXPECT_THAT(report_.not_images, Contains(Pair("link to a folder inside a class", 1u)));
  EXPECT_THAT(report_.not_images, Contains(Pair("link to nothing", 1u)));
  std::size_t all = 0;
  for (const auto& [what, count] : report_.not_images) all += count;
  EXPECT_EQ(all, 7u);
}

TEST_F(Photos, BadFolders) {
  EXPECT_THAT(folder_error(), HasSubstr("set: no such directory"));
  fs::create_directories(root());
  EXPECT_THAT(folder_error(), HasSubstr("set: no class folders, expected one per class"));
  fs::create_directories(root() / "test/cat");
  EXPECT_THAT(folder_error(), HasSubstr("expected a folder train beside test, found none"));
  fs::create_directories(root() / "train");
  EXPECT_THAT(folder_error(), HasSubstr("train: no class folders, expected one per class"));
  fs::create_directories(root() / "train/cat");
  EXPECT_THAT(folder_error(), HasSubstr("train/cat: class without images, expected at least one"));
  put("train/cat/a.png", 1);
  put("test/cow/a.png", 1);
  EXPECT_THAT(folder_error(), HasSubstr("test: class cow is not among the training images"));
  fs::create_directories(root() / "Test/cat");
  EXPECT_THAT(folder_error(), HasSubstr("both Test and test are test images, expected one of them"));
  fs::remove_all(root());
  put_text("train/cat/a.txt", "a text");
  put("test/cat/a.png", 1);
  EXPECT_THAT(folder_error(), HasSubstr("pets: class cat has no training image"));
}

TEST_F(Photos, NamesOfAnyBytes) {
  for (const char* folder : {"caf\xc3\xa9", "caf\xe9", "a\x1b[2Jb", "milk 3.5%"}) {
    for (const char* file : {"a.png", "\xff\n.png"}) put(std::string(folder) + "/" + file, 1);
  }
  const Dataset dataset = folder(with_split("80/20"));
  EXPECT_EQ(dataset.info().classes, (std::vector<std::string>{"a\\x1b[2Jb", "caf\\xe9", "caf\xc3\xa9", "milk 3.5%"}));
  put("caf\\xe9/b.png", 5);
  EXPECT_THAT(folder_error(with_split("80/20")), HasSubstr("two class folders have the printable name 'caf\\xe9'"));
}

TEST_F(Photos, ListsWithTheHeaderOfTheTrafficSigns) {
  put("00000_00000.png", 10);
  put("00000_00001.png", 11);
  put("10_1.png", 12);
  put_text("list.csv",
           "\xef\xbb\xbf"
           "Filename;Width;Height;Roi.X1;ClassId\r\n00000_00000.png;3;2;0;2\r\n00000_00001.png;3;2;0;2\r\n"
           "10_1.png;3;2;0;10\r\n");
  put("test/a.png", 20);
  put_text("test.csv", "Path,ClassId\n\"test/a.png\",\"2\"\n");
  ListOptions columns;
  columns.test = root() / "test.csv";
  const Dataset dataset = list("list.csv", columns);
  EXPECT_EQ(dataset.info().classes, (std::vector<std::string>{"2", "10"}));
  EXPECT_EQ(values(dataset), (std::vector<int>{10, 11, 12, 20}));
  EXPECT_THAT(dataset.labels(), ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(dataset.info().test_count, 1u);
}

TEST_F(Photos, ListsWithSplitsAndGroups) {
  put("a, b.png", 1);
  put("c.png", 2);
  put("d.png", 3);
  put("e.png", 4);
  put_text("list.tsv",
           "who\tfile\tlabel\tsplit\n1\t\"a, b.png\"\tcat\ttrain\n1\tc.png\tdog \"x\"\tTraining\n"
           "2\td.png\tcat\tval\n3\te.png\tcat\ttest\n");
  ListOptions columns;
  columns.group_column = "who";
  const Dataset dataset = list("list.tsv", columns);
  EXPECT_EQ(dataset.info().classes, (std::vector<std::string>{"cat", "dog \"x\""}));
  EXPECT_EQ(dataset.info().validation_count, 1u);
  EXPECT_THAT(dataset.groups(), ElementsAre(0, 0, 1, 2));
  PhotoOptions both;
  both.group_by = "(.)";
  EXPECT_THAT(error_of([&] { list("list.tsv", columns, both); }), HasSubstr("--group-by and --group-column"));
}

TEST_F(Photos, ListsWithoutAHeader) {
  put("x/a.png", 1);
  put("x/b.png", 2);
  EXPECT_THAT(list_error("x/a.png,cat\nx/b.png,cat\n"), HasSubstr("list.csv: no test images: expected a column"));
  ListOptions columns;
  columns.file_column = "2";
  columns.label_column = "1";
  put_text("list.csv", "cat|a.png\n\ncat|b.png");
  columns.images = root() / "x";
  const Dataset dataset = list("list.csv", columns, with_split("50/50"));
  EXPECT_EQ(dataset.info().train_count, 1u);
  put_text("list.csv", "x/a.png,cat,train\nx/b.png,cat,test\n");
  EXPECT_EQ(list("list.csv").info().test_count, 1u);
}

TEST_F(Photos, BadLists) {
  put("a.png", 1);
  EXPECT_THAT(list_error(""), HasSubstr("list.csv: expected rows of fields, found none"));
  EXPECT_THAT(list_error("file,label\n"), HasSubstr("expected rows behind the header"));
  EXPECT_THAT(list_error("a.png\n"), HasSubstr("--label-column: expected a column for it, found a.png"));
  EXPECT_THAT(list_error("file,label\na.png\n"), HasSubstr("list.csv:2: 1 fields, expected at least 2"));
  EXPECT_THAT(list_error("file,label\na.png,x\n./a.png,x\n"),
              HasSubstr("list.csv:3: ./a.png: the file is listed a second"));
  EXPECT_THAT(list_error("file,label,split\na.png,x,holdout\n"),
              HasSubstr("list.csv:2: split 'holdout', expected train"));
  EXPECT_THAT(list_error("file,label\na.png,\n"), HasSubstr("list.csv:2: expected a label"));
  EXPECT_THAT(list_error("file,label\n\"a.png,x\n"), HasSubstr("list.csv:2: expected a quote at the end"));
  EXPECT_THAT(list_error("file,label\n\"a\".png,x\n"), HasSubstr("list.csv:2: expected the end of a field"));
  EXPECT_THAT(list_error(std::string("\xff\xfe"
                                     "f\0",
                                     4)),
              HasSubstr("found UTF-16"));
  ListOptions columns;
  columns.file_column = "photo";
  EXPECT_THAT(list_error("name,label\na.png,x\n", columns),
              HasSubstr("--file-column: expected one of the columns name, label"));
  EXPECT_THAT(list_error("bild,art\na.png,x\na.png,y\n"),
              HasSubstr("list.csv:1: bild: no such file, but that of the next row"));
  put_text("list.csv", "file,label,split\na.png,x,train\nnone.png,x,train\n");
  EXPECT_THAT(error_of([&] { list("list.csv"); }), HasSubstr("1 of 2 images cannot be read"));
  EXPECT_EQ(report_.bad[0].file, "none.png");
}

TEST_F(Photos, KeptEncodedAreTheFilesAsTheyAre) {
  put("train/cat/a.png", plain(2, 3, 1, 10));
  put("train/dog/b.png", plain(40, 30, 3, 20));
  put("test/cat/c.png", plain(7, 5, 1, 30));
  put_text("train/dog/notes.txt", "to be seen to");
  PhotoOptions options;
  options.keep_encoded = true;
  options.decode.max_megapixels = 2;
  const Dataset dataset = folder(options);
  EXPECT_TRUE(dataset.encoded());
  EXPECT_EQ(dataset.info().channels, 3);
  EXPECT_EQ(dataset.info().decode.max_megapixels, 2);
  EXPECT_TRUE(dataset.info().decode.exif_orientation);
  EXPECT_THAT(report_.not_images, ElementsAre(Pair(HasSubstr("a text"), 1)));
  const char* files[] = {"train/cat/a.png", "train/dog/b.png", "test/cat/c.png"};
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(std::ranges::equal(dataset.bytes(i), read_bytes(root() / files[i]))) << files[i];
  }
  Image storage;
  const ImageView view = dataset.view(0, storage);
  EXPECT_EQ(Bytes(view.pixels, view.pixels + 18), Bytes(18, 10));
  EXPECT_EQ(dataset.view(1, storage).height, 40);
}

TEST_F(Photos, KeptEncodedAreGreyWhereAllAreOrAsWished) {
  put("train/cat/a.png", plain(2, 3, 1, 10));
  put("test/cat/c.png", plain(7, 5, 1, 30));
  PhotoOptions options;
  options.keep_encoded = true;
  EXPECT_EQ(folder(options).info().channels, 1);
  options.channels = 3;
  EXPECT_EQ(folder(options).info().channels, 3);
  options.height = options.width = 4;
  EXPECT_THAT(folder_error(options), HasSubstr("height 4 and width 4: expected neither"));
}

TEST_F(Photos, KeptEncodedAreDecodedAllTheSame) {
  put("train/cat/a.png", plain(2, 3, 1, 10));
  put("test/cat/c.png", plain(7, 5, 1, 30));
  Bytes cut = encode_png(plain(9, 9, 3, 1));
  cut.resize(cut.size() / 2);
  write_bytes(root() / "train/cat/cut.png", cut);
  PhotoOptions options;
  options.keep_encoded = true;
  EXPECT_THAT(folder_error(options), HasSubstr("1 of 3 images cannot be read"));
  options.skip_bad = true;
  const Dataset dataset = folder(options);
  EXPECT_EQ(dataset.size(), 2u);
  EXPECT_EQ(dataset.info().left_out_names, std::vector<std::string>{"train/cat/cut.png"});
}

}  // namespace
}  // namespace triage::data
