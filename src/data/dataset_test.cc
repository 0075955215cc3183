#include "data/dataset.h"

#include <signal.h>
#include <sys/resource.h>

#include <cstring>

#include "data/data_test_support.h"
#include "data/store/dataset_format.h"

namespace triage::data {
namespace {

TEST(Dataset, ReadsBackWhatWasWritten) {
  const TempDir dir;
  const RawDataset raw = small_raw(3, 5);
  const Dataset dataset = stored(raw, dir / "a.tds");
  EXPECT_EQ(dataset.info().name, "small");
  EXPECT_EQ(dataset.info().classes, raw.info.classes);
  EXPECT_EQ(dataset.size(), 30u);
  EXPECT_EQ(dataset.info().train_count, 15u);
  EXPECT_EQ(dataset.image_bytes(), 48u);
  EXPECT_TRUE(std::equal(raw.pixels.begin(), raw.pixels.end(), dataset.image(0)));
  const std::vector<std::uint8_t> block = dataset.pixels(std::array{3u, 1u});
  ASSERT_EQ(block.size(), 96u);
  EXPECT_TRUE(std::equal(block.begin(), block.begin() + 48, dataset.image(3)));
  EXPECT_TRUE(std::equal(block.begin() + 48, block.end(), dataset.image(1)));
  EXPECT_TRUE(std::equal(raw.labels.begin(), raw.labels.end(), dataset.labels().begin()));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(dataset.image(0)) % kDatasetPage, 0u);
  std::string content(raw.pixels.begin(), raw.pixels.end());
  content.append(raw.labels.begin(), raw.labels.end());
  EXPECT_EQ(dataset.info().sha256, sha256_hex(content));
}

TEST(Dataset, AFlippedBitAnywhereIsFound) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  write_dataset(small_raw(2, 3), path);
  const Bytes good = read_bytes(path);
  for (std::size_t at = 0; at < good.size(); at += at < 700 ? 1 : 13) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    write_bytes(path, bad);
    const std::string error = error_of([&] { Dataset::open(path); });
    EXPECT_THAT(error, HasSubstr(path.string())) << "offset " << at;
  }
  Bytes bad = good;
  bad[kDatasetPage + 5] ^= 1;
  write_bytes(path, bad);
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("damaged pixels or labels (offsets 4096 to 4684)"));
  EXPECT_EQ(error_of([&] { Dataset::open(path, false); }), "no error");
  bad = good;
  bad[200] ^= 1;
  write_bytes(path, bad);
  EXPECT_THAT(error_of([&] { Dataset::open(path, false); }), HasSubstr("damaged header (offsets 0 to 4096)"));
}

TEST(Dataset, EveryTruncationIsFound) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  write_dataset(small_raw(2, 3), path);
  const Bytes good = read_bytes(path);
  for (std::size_t size = 0; size < good.size(); size += 61) {
    write_bytes(path, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_THAT(error_of([&] { Dataset::open(path, false); }), HasSubstr(path.string())) << "size " << size;
  }
  write_bytes(path, {good.begin(), good.end() - 1});
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("truncated: 4683 bytes, expected 4684 (offset 48)"));
  Bytes longer = good;
  longer.push_back(0);
  write_bytes(path, longer);
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("oversized: 4685 bytes, expected 4684"));
}

TEST(Dataset, RefusesOtherFilesAndVersions) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  write_dataset(small_raw(2, 3), path);
  Bytes bytes = read_bytes(path);
  bytes[8] = 9;
  write_bytes(path, bytes);
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("data set version 9 at offset 8, expected 1 to 3"));
  write_bytes(path, {'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r', 'l', 'd'});
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("expected the magic \"TRIAGEDS\" at offset 0"));
  EXPECT_THAT(error_of([&] { Dataset::open(dir / "none.tds"); }), HasSubstr("none.tds"));
}

// A head with a right checksum around a wrong label: what a faulty writer would leave.
TEST(Dataset, LabelsOutOfRangeAreFoundWithTheirPlace) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  write_dataset(small_raw(2, 3), path);
  Bytes bytes = read_bytes(path);
  bytes[bytes.size() - 2] = 7;
  write_bytes(path, bytes);
  EXPECT_THAT(error_of([&] { Dataset::open(path, false); }),
              HasSubstr("label 7 of image 10 at offset 4682, expected 0 to 1"));
  RawDataset raw = small_raw(2, 3);
  raw.labels[4] = 2;
  EXPECT_THAT(error_of([&] { write_dataset(raw, path); }), HasSubstr("small: label 2 of image 4, expected 0 to 1"));
  raw = small_raw(2, 3);
  raw.pixels.pop_back();
  EXPECT_THAT(error_of([&] { write_dataset(raw, path); }), HasSubstr("575 pixel bytes and 12 labels, expected 576"));
}

TEST(Dataset, ManyClassesGroupsAndOwnValidationImages) {
  const TempDir dir;
  for (const int classes : {256, 257, 70'000}) {
    RawDataset raw = small_raw(classes, 1, 1, 1);
    raw.info.options = "--split 80/10/10";
    raw.info.validation_count = 3;
    raw.info.test_count -= 3;
    raw.info.groups = 5;
    raw.info.left_out = 2;
    raw.info.left_out_names = {"a.jpg", "b.jpg"};
    for (std::size_t i = 0; i < raw.labels.size(); ++i) raw.groups.push_back(static_cast<std::uint32_t>(i % 5));
    const Dataset dataset = stored(raw, dir / "a.tds");
    EXPECT_EQ(std::vector<Label>(dataset.labels().begin(), dataset.labels().end()), raw.labels);
    EXPECT_TRUE(std::ranges::equal(dataset.groups(), raw.groups));
    EXPECT_EQ(dataset.info().validation_count, 3u);
    EXPECT_EQ(dataset.info().options, "--split 80/10/10");
    EXPECT_EQ(dataset.info().left_out_names, raw.info.left_out_names);
    EXPECT_EQ(fs::file_size(dir / "a.tds") % kDatasetPage,
              (raw.labels.size() * (1 + label_bytes(raw.info.classes.size()) + 4)) % kDatasetPage);
  }
  RawDataset raw = small_raw(2, 3);
  raw.info.groups = 2;
  raw.groups.assign(12, 2);
  EXPECT_THAT(error_of([&] { write_dataset(raw, dir / "b.tds"); }), HasSubstr("group 2 of image 0, expected 0 to 1"));
}

// What the program of before wrote.
TEST(Dataset, VersionOneIsStillRead) {
  const TempDir dir;
  const RawDataset raw = small_raw(2, 3);
  const std::string content = std::string(raw.pixels.begin(), raw.pixels.end()) + store_labels(raw.labels, 2);
  const std::string info = std::format(
      R"({{"name":"old","source":"s","channels":3,"height":4,"width":4,"classes":["a","b"],"train_count":6,)"
      R"("test_count":6,"sha256":"{}"}})",
      sha256_hex(content));
  Bytes file(kDatasetPage);
  const auto put = [&](std::size_t at, auto value) { std::memcpy(&file[at], &value, sizeof value); };
  std::memcpy(file.data(), "TRIAGEDS", 8);
  put(8, std::uint32_t{1});
  put(12, static_cast<std::uint32_t>(info.size()));
  put(16, std::uint64_t{kDatasetPage});
  put(24, std::uint64_t{raw.pixels.size()});
  put(32, std::uint64_t{kDatasetPage + raw.pixels.size()});
  put(40, std::uint64_t{12});
  put(48, std::uint64_t{kDatasetPage + content.size()});
  std::ranges::copy(info, file.begin() + kDatasetInfoAt);
  file.insert(file.end(), content.begin(), content.end());
  std::ranges::copy(dataset_head_checksum(file, kDatasetPage), file.begin() + kDatasetHashAt);
  write_bytes(dir / "old.tds", file);
  const Dataset dataset = Dataset::open(dir / "old.tds");
  EXPECT_EQ(dataset.info().name, "old");
  EXPECT_TRUE(std::ranges::equal(dataset.labels(), raw.labels));
  EXPECT_EQ(dataset.info().validation_count, 0u);
  EXPECT_TRUE(dataset.groups().empty());
}

TEST(DatasetWriter, WritesImageByImageWhatTheOtherWrites) {
  const TempDir dir;
  const RawDataset raw = small_raw(3, 5);
  const Dataset whole = stored(raw, dir / "a.tds");
  {
    DatasetInfo expected = raw.info;
    expected.train_count += 4;  // as if four turned out to be unreadable
    DatasetWriter writer(dir / "b.tds", expected);
    const std::size_t bytes = whole.image_bytes();
    for (std::size_t i = 0; i < raw.labels.size(); ++i) writer.add(std::span(raw.pixels).subspan(i * bytes, bytes));
    writer.finish(raw.info, raw.labels, raw.groups);
  }
  const Dataset pieces = Dataset::open(dir / "b.tds");
  EXPECT_EQ(pieces.info().sha256, whole.info().sha256);
  EXPECT_TRUE(std::equal(raw.pixels.begin(), raw.pixels.end(), pieces.image(0)));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces.image(0)) % kDatasetPage, 0u);
  {
    DatasetWriter unfinished(dir / "c.tds", raw.info);
  }
  EXPECT_EQ(entries(dir.path()), 2u);
  DatasetWriter short_of_pixels(dir / "c.tds", raw.info);
  EXPECT_THAT(error_of([&] { short_of_pixels.finish(raw.info, raw.labels, raw.groups); }),
              HasSubstr("small: 0 pixel bytes and 30 labels, expected 1440 and 30"));
}

// Runs `action` where files cannot grow over `bytes`, as on a full disk.
template <class Action>
std::string error_with_file_limit(rlim_t bytes, Action action) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{bytes, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of(action);
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  return error;
}

TEST(Dataset, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  write_dataset(small_raw(2, 3), path);
  const Bytes before = read_bytes(path);
  for (const rlim_t limit : {rlim_t{100}, rlim_t{4096}, rlim_t{5000}}) {
    const auto error = error_with_file_limit(limit, [&] { write_dataset(small_raw(4, 50), path); });
    EXPECT_THAT(error, AllOf(HasSubstr(path.string()), HasSubstr("cannot write"), HasSubstr("File too large")));
    EXPECT_EQ(entries(dir.path()), 1u);
    EXPECT_EQ(read_bytes(path), before);
  }
}

TEST(Generated, IsSeededBalancedAndChecked) {
  GeneratedOptions options;
  options.train_count = 40;
  options.test_count = 8;
  const RawDataset a = generate(options), b = generate(options);
  EXPECT_EQ(a.pixels, b.pixels);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(std::count(a.labels.begin(), a.labels.end(), 2), 12);
  options.seed = 2;
  EXPECT_NE(generate(options).pixels, a.pixels);
  const std::size_t image_bytes = 3 * 16 * 16;
  EXPECT_FALSE(std::equal(a.pixels.begin(), a.pixels.begin() + image_bytes, a.pixels.begin() + 40 * image_bytes));
  options.classes = 9;
  EXPECT_EQ(error_of([&] { generate(options); }), "generate: 9 classes, expected 2 to 8");
}

TEST(Dataset, KeepsTheFit) {
  const TempDir dir;
  RawDataset raw = small_raw(2, 2);
  EXPECT_EQ(stored(raw, dir / "a.tds").info().fit, Fit::squash);
  raw.info.fit = Fit::pad;
  EXPECT_EQ(stored(raw, dir / "b.tds").info().fit, Fit::pad);
}

}  // namespace
}  // namespace triage::data
