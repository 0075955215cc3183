#include "data/splits.h"

#include <set>

#include "core/rng.h"
#include "data/data_test_support.h"

namespace triage::data {
namespace {

// The draw of before, for classes of equal size: runs and plans that were made with it must meet the same images.
Splits equal_draw(const Dataset& dataset, const SplitOptions& options) {
  const std::size_t classes = dataset.info().classes.size();
  const auto share_out = [&](std::uint32_t total, const char* purpose) {
    std::vector<std::uint32_t> shares(classes, total / static_cast<std::uint32_t>(classes));
    const auto order = random_permutation(static_cast<std::uint32_t>(classes), derive_seed(options.seed, purpose));
    for (std::size_t i = 0; i < total % classes; ++i) ++shares[order[i]];
    return shares;
  };
  const auto route = share_out(options.route, "split.route"),
             validation = share_out(options.validation, "split.validation");
  Splits splits;
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<std::uint32_t> images;
    for (std::uint32_t i = 0; i < dataset.info().train_count; ++i) {
      if (dataset.label(i) == c) images.push_back(i);
    }
    Rng(derive_seed(options.seed, "split.class", c)).shuffle(std::span(images));
    const auto first = images.begin() + route[c], second = first + validation[c];
    splits.route.insert(splits.route.end(), images.begin(), first);
    splits.validation.insert(splits.validation.end(), first, second);
    splits.train.insert(splits.train.end(), second, images.end());
  }
  for (auto* part : {&splits.train, &splits.route, &splits.validation}) std::sort(part->begin(), part->end());
  return splits;
}

// A set whose class c has counts[c] training images and none for testing.
RawDataset unequal_raw(const std::vector<std::uint32_t>& counts) {
  RawDataset raw = small_raw(static_cast<int>(counts.size()), 1, 1, 1);
  raw.labels.clear();
  for (std::size_t c = 0; c < counts.size(); ++c) raw.labels.insert(raw.labels.end(), counts[c], static_cast<Label>(c));
  raw.info.train_count = static_cast<std::uint32_t>(raw.labels.size());
  raw.info.test_count = 0;
  raw.pixels.assign(raw.labels.size(), 7);
  return raw;
}

std::vector<std::uint32_t> count_labels(const Dataset& dataset, const std::vector<std::uint32_t>& images) {
  std::vector<std::uint32_t> counts(dataset.info().classes.size());
  for (const std::uint32_t i : images) ++counts[dataset.label(i)];
  return counts;
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
              HasSubstr("small: 40 training images, expected more than 40 (20 for route, 20 for validation); shares "
                        "such as \"10%\" fit any data set"));
  EXPECT_EQ(make_splits(dataset, {.route = 20, .validation = 16, .seed = 1}).train.size(), 4u);
}

TEST(Splits, OfEqualClassesAreDrawnAsEver) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(7, 40), dir / "a.tds");
  for (const std::uint64_t seed : {1, 2, 3}) {
    const SplitOptions options{.route = 30, .validation = 65, .seed = seed};
    const Splits splits = make_splits(dataset, options), before = equal_draw(dataset, options);
    EXPECT_EQ(splits.route, before.route);
    EXPECT_EQ(splits.validation, before.validation);
    EXPECT_EQ(splits.train, before.train);
    EXPECT_EQ(splits.drawn, "");
    EXPECT_TRUE(splits.notes.empty());
  }
}

TEST(Splits, KeepTheProportionsOfUnequalClasses) {
  const TempDir dir;
  const Dataset dataset = stored(unequal_raw({2910, 90}), dir / "a.tds");
  const Splits splits = make_splits(dataset, {.route = 300, .validation = 600, .seed = 1});
  EXPECT_EQ(count_labels(dataset, splits.route), (std::vector<std::uint32_t>{291, 9}));
  EXPECT_EQ(count_labels(dataset, splits.validation), (std::vector<std::uint32_t>{582, 18}));
  EXPECT_EQ(count_labels(dataset, splits.train), (std::vector<std::uint32_t>{2037, 63}));
  EXPECT_EQ(splits.drawn, "proportional");
}

TEST(Splits, AClassOfFewImagesIsEverywhereOrNamed) {
  const TempDir dir;
  const Dataset dataset = stored(unequal_raw({500, 3, 2, 1, 500}), dir / "a.tds");
  const Splits splits = make_splits(dataset, {.route = 50, .validation = 50, .seed = 1});
  EXPECT_EQ(splits.route.size(), 50u);
  EXPECT_EQ(splits.validation.size(), 50u);
  EXPECT_EQ(count_labels(dataset, splits.route)[1], 1u);
  EXPECT_EQ(count_labels(dataset, splits.validation)[1], 1u);
  const auto train = count_labels(dataset, splits.train);
  for (std::size_t c = 0; c < train.size(); ++c) EXPECT_GE(train[c], 1u) << c;
  ASSERT_EQ(splits.notes.size(), 2u);
  EXPECT_EQ(splits.notes[0], "no image in route: class2 (2 images), class3 (1 image)");
}

TEST(Splits, WithTooFewPlacesForAllClassesSayWhich) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(7, 40), dir / "a.tds");
  const Splits splits = make_splits(dataset, {.route = 1, .validation = 14, .seed = 1});
  EXPECT_EQ(splits.route.size(), 1u);
  ASSERT_EQ(splits.notes.size(), 1u);
  EXPECT_THAT(splits.notes[0], AllOf(HasSubstr("no image in route: class"), HasSubstr(" and 1 more")));
}

// 40 tracks of 5 frames, 4 classes.
RawDataset grouped_raw() {
  RawDataset raw = unequal_raw({50, 50, 50, 50});
  raw.info.groups = 40;
  for (std::uint32_t i = 0; i < 200; ++i) raw.groups.push_back(i / 5);
  return raw;
}

TEST(Splits, KeepGroupsTogether) {
  const TempDir dir;
  const Dataset dataset = stored(grouped_raw(), dir / "a.tds");
  ASSERT_EQ(dataset.groups().size(), 200u);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Splits splits = make_splits(dataset, {.route = 20, .validation = 40, .seed = seed});
    std::vector<std::set<std::uint32_t>> seen;
    for (const auto* part : {&splits.train, &splits.route, &splits.validation}) {
      auto& groups = seen.emplace_back();
      for (const std::uint32_t i : *part) groups.insert(dataset.groups()[i]);
    }
    EXPECT_EQ(seen[0].size() + seen[1].size() + seen[2].size(), 40u);  // none in two
    EXPECT_EQ(count_labels(dataset, splits.route), (std::vector<std::uint32_t>{5, 5, 5, 5}));
    EXPECT_EQ(count_labels(dataset, splits.validation), (std::vector<std::uint32_t>{10, 10, 10, 10}));
    EXPECT_EQ(splits.drawn, "groups");
  }
}

TEST(Splits, AClassOfOneGroupIsTrainedOn) {
  const TempDir dir;
  RawDataset raw = grouped_raw();
  for (std::uint32_t i = 0; i < 50; ++i) raw.groups[i] = 0;
  const Dataset dataset = stored(raw, dir / "a.tds");
  const Splits splits = make_splits(dataset, {.route = 20, .validation = 40, .seed = 1});
  EXPECT_EQ(count_labels(dataset, splits.train)[0], 50u);
  EXPECT_THAT(splits.notes, ::testing::ElementsAre("no image in route: class0 (50 images)",
                                                   "no image in validation: class0 (50 images)"));
}

TEST(Splits, ASetsOwnValidationImagesAreTaken) {
  const TempDir dir;
  RawDataset raw = small_raw(2, 20);
  raw.info.validation_count = 8;
  raw.info.test_count -= 8;
  const Dataset dataset = stored(raw, dir / "a.tds");
  EXPECT_EQ(dataset.info().test_first(), 48u);
  const Splits splits = make_splits(dataset, {.route = 4, .validation = 1000, .seed = 1});
  EXPECT_EQ(splits.validation, (std::vector<std::uint32_t>{40, 41, 42, 43, 44, 45, 46, 47}));
  EXPECT_EQ(splits.test.front(), 48u);
  EXPECT_EQ(splits.test.size(), 32u);
  EXPECT_EQ(splits.route.size(), 4u);
  EXPECT_EQ(splits.train.size(), 36u);
  EXPECT_EQ(splits.drawn, "own validation");
}

TEST(SplitSizes, AreNumbersOrShares) {
  EXPECT_EQ(parse_split_size("2500")->images, 2500u);
  EXPECT_EQ(parse_split_size("10%")->share, 0.1);
  EXPECT_EQ(parse_split_size("0.25")->share, 0.25);
  for (const char* bad : {"", "%", "0", "-3", "1.5", "100%", "150%", "ten", "10 %", "1e12", "nan"}) {
    EXPECT_FALSE(parse_split_size(bad)) << bad;
  }
}

TEST(SplitSizes, WithoutAWishFitTheData) {
  DatasetInfo info;
  info.train_count = 50'000;
  SplitOptions splits = resolve_splits(info, {}, {}, 3);
  EXPECT_EQ(splits.route, 2500u);
  EXPECT_EQ(splits.validation, 5000u);
  EXPECT_EQ(splits.seed, 3u);
  info.train_count = 323;
  splits = resolve_splits(info, {}, SplitSize{0, 0.2}, 3);
  EXPECT_EQ(splits.route, 32u);
  EXPECT_EQ(splits.validation, 65u);
  info.validation_count = 77;
  splits = resolve_splits(info, SplitSize{9, 0}, SplitSize{5, 0}, 3);
  EXPECT_EQ(splits.route, 9u);
  EXPECT_EQ(splits.validation, 77u);
}

}  // namespace
}  // namespace triage::data
