#include "data/dataset.h"

#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <numeric>
#include <set>

#include "data/data_test_support.h"
#include "data/dataset_format.h"

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
  EXPECT_THAT(error_of([&] { Dataset::open(path); }), HasSubstr("data set version 9 at offset 8, expected 1"));
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

TEST(Splits, AreDisjointBalancedAndComplete) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(7, 40), dir / "a.tds");
  const SplitOptions options{.route = 30, .validation = 65, .seed = 3};
  const Splits splits = make_splits(dataset, options);
  EXPECT_EQ(splits.route.size(), 30u);
  EXPECT_EQ(splits.validation.size(), 65u);
  EXPECT_EQ(splits.train.size(), 280u - 95u);
  EXPECT_EQ(splits.test.size(), 280u);
  std::set<std::uint32_t> all;
  for (const auto* part : {&splits.train, &splits.route, &splits.validation}) {
    all.insert(part->begin(), part->end());
    EXPECT_TRUE(std::is_sorted(part->begin(), part->end()));
  }
  EXPECT_EQ(all.size(), 280u);
  EXPECT_EQ(*all.rbegin(), 279u);
  EXPECT_EQ(splits.test.front(), 280u);
  for (const auto* part : {&splits.route, &splits.validation}) {
    std::vector<int> counts(7);
    for (const std::uint32_t i : *part) ++counts[dataset.label(i)];
    const auto [low, high] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_LE(*high - *low, 1);
  }
}

TEST(Splits, AreAFunctionOfTheSeed) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(4, 40), dir / "a.tds");
  const auto route = [&](std::uint64_t seed) {
    return make_splits(dataset, {.route = 20, .validation = 20, .seed = seed}).route;
  };
  EXPECT_EQ(route(1), route(1));
  EXPECT_NE(route(1), route(2));
}

TEST(Splits, TooFewImagesAreAnError) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(4, 10), dir / "a.tds");
  EXPECT_THAT(error_of([&] { make_splits(dataset, {.route = 20, .validation = 20, .seed = 1}); }),
              HasSubstr("class 0 (class0) has 10 training images, expected more than 10 (5 for route, 5 for"));
  EXPECT_EQ(make_splits(dataset, {.route = 20, .validation = 16, .seed = 1}).train.size(), 4u);
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

}  // namespace
}  // namespace triage::data
