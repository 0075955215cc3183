#include "preprocess/conventions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::preprocess {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr NetworkInput kPhotographs{.height = 224, .width = 224};

// Answers of a network that was trained with `truth`: right about `good` of 1000 images, and about fewer the more
// fields of the trial are others. Which images is drawn anew for each trial.
std::vector<std::vector<std::uint8_t>> answers(std::span<const Convention> trials, const Preprocess& truth,
                                               double good) {
  std::vector<std::vector<std::uint8_t>> all;
  for (const Convention& trial : trials) {
    const Preprocess& tried = trial.preprocess;
    double chance = good;
    if (tried.scale != truth.scale || tried.mean != truth.mean || tried.stddev != truth.stddev) chance -= 0.3;
    if (tried.order != truth.order) chance -= 0.2;
    if (tried.resize != truth.resize) chance -= 0.1;
    Rng rng(derive_seed(1, trial.values + trial.geometry, 0));
    std::vector<std::uint8_t>& right = all.emplace_back();
    for (int i = 0; i < 1000; ++i) right.push_back(rng.uniform() < chance ? 1 : 0);
  }
  return all;
}

TEST(Conventions, TheSearchFindsEachOfThem) {
  for (const ImageSize images : {ImageSize{375, 500}, ImageSize{224, 300}, ImageSize{300, 300}}) {
    const Convention plain{.preprocess = plain_preprocess(kPhotographs)};
    for (const Convention& values : value_conventions(kPhotographs, plain)) {
      for (const Convention& truth : geometry_conventions(kPhotographs, images, values)) {
        ConventionSearch search(kPhotographs, images);
        while (!search.next().empty()) search.answer(answers(search.next(), truth.preprocess, 0.9));
        const ConventionTrial& chosen = search.trials()[search.chosen()];
        EXPECT_EQ(chosen.convention.preprocess, truth.preprocess)
            << truth.values << ", " << truth.geometry << "; chosen: " << chosen.convention.values << ", "
            << chosen.convention.geometry;
        EXPECT_LE(search.trials().size(), 23u);
        EXPECT_THAT(search.alike(), IsEmpty());
      }
    }
  }
}

TEST(Conventions, AreDifferentAndCanBeCarriedOut) {
  for (const NetworkInput& input : {kPhotographs, NetworkInput{.height = 28, .width = 28, .channels = 1},
                                    NetworkInput{.height = 32, .width = 48, .layout = Layout::nhwc}}) {
    const Convention plain{.preprocess = plain_preprocess(input)};
    std::set<std::string> seen;
    for (const Convention& values : value_conventions(input, plain)) {
      for (const Convention& one : geometry_conventions(input, {375, 500}, values)) {
        const Json json = to_json(one.preprocess);
        EXPECT_EQ(preprocess_from_json(JsonReader(json, "p")), one.preprocess);
        EXPECT_EQ(one.preprocess.layout, input.layout);
        EXPECT_TRUE(seen.insert(json.dump()).second) << one.values << ", " << one.geometry;
        EXPECT_TRUE(seen.insert(one.values + ", " + one.geometry).second);
      }
    }
  }
}

// Published: timm's crop_pct 0.875 and torchvision's weights.transforms() of ResNet-18 (resize 256, crop 224).
TEST(Conventions, TheFirstIsTorchvisions) {
  const ConventionSearch search(kPhotographs, {375, 500});
  const Preprocess& first = search.next().front().preprocess;
  EXPECT_EQ(first.resize,
            (Resize{.mode = ResizeMode::shorter, .height = 256, .interpolation = Interpolation::bilinear}));
  EXPECT_EQ(first.mean, (std::vector{0.485, 0.456, 0.406}));
}

TEST(Conventions, OneSizeStandsForMany) {
  EXPECT_EQ(typical_size({}), ImageSize());
  const std::vector<ImageSize> sizes{{300, 300}, {300, 300}, {160, 213}, {213, 160}, {213, 160}, {160, 999}};
  EXPECT_EQ(typical_size(sizes), (ImageSize{213, 160}));
  const Convention plain{.preprocess = plain_preprocess(kPhotographs)};
  EXPECT_EQ(geometry_conventions(kPhotographs, {}, plain).size(),
            geometry_conventions(kPhotographs, {9, 8}, plain).size());
}

TEST(Conventions, ImagesOfTheNetworksSizeAreNotResized) {
  ConventionSearch search({.height = 32, .width = 32}, {32, 32});
  search.answer(std::vector(search.next().size(), std::vector<std::uint8_t>{1, 0, 1}));
  EXPECT_THAT(search.next(), IsEmpty());
  EXPECT_EQ(search.trials()[search.chosen()].convention.geometry, "as it is");
}

TEST(Conventions, WithinTheNoiseTheMoreUsualOneIsTaken) {
  ConventionSearch search({.height = 32, .width = 32}, {32, 32});
  std::vector<std::vector<std::uint8_t>> right(search.next().size(), std::vector<std::uint8_t>(100, 0));
  for (int i = 0; i < 80; ++i) right[1][i] = 1;
  for (int i = 2; i < 85; ++i) right[4][i] = 1;  // right about 5 others, wrong about 2: p = 0.45
  search.answer(right);
  EXPECT_EQ(search.chosen(), 1u);
  EXPECT_EQ(search.alike(), std::vector<std::size_t>{4});
  EXPECT_NEAR(search.trials()[4].p_value, 2.0 * (1 + 7 + 21) / 128, 1e-9);  // binomial(7, 1/2) up to 2, both sides
}

TEST(Conventions, AnswersMustFitTheTrials) {
  ConventionSearch search(kPhotographs, {375, 500});
  EXPECT_THAT(error_of([&] { search.answer({{1}}); }), HasSubstr("expected the answers of 12 trials, found 1"));
  std::vector<std::vector<std::uint8_t>> right(12, std::vector<std::uint8_t>(5, 1));
  right[7].pop_back();
  EXPECT_THAT(error_of([&] { search.answer(right); }), HasSubstr("about 5 images for each trial, found 4"));
}

}  // namespace
}  // namespace triage::preprocess
