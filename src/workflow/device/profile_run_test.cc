#include "workflow/device/profile_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/test_support.h"
#include "data/import/import.h"

namespace triage::workflow {
namespace {

data::Dataset made(const fs::path& file, std::uint32_t train, std::uint32_t test) {
  data::write_dataset(data::generate({.train_count = train, .test_count = test}), file);
  return data::Dataset::open(file);
}

TEST(ProfiledImages, AreEachOnceAndTheSameEveryTime) {
  const TempDir directory;
  const data::Dataset dataset = made(directory / "d.tds", 30, 20);
  const std::vector<std::uint8_t> pixels = profiled_images(dataset, "test");
  ASSERT_EQ(pixels.size(), 20 * dataset.image_bytes());
  EXPECT_EQ(profiled_images(dataset, "test"), pixels);
  std::multiset<std::string> found, expected;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto* first = reinterpret_cast<const char*>(pixels.data()) + i * dataset.image_bytes();
    found.emplace(first, dataset.image_bytes());
    expected.emplace(reinterpret_cast<const char*>(dataset.image(dataset.info().test_first() + i)),
                     dataset.image_bytes());
  }
  EXPECT_EQ(found, expected);
}

TEST(ProfiledImages, AreNoMoreThanAMeasurementNeeds) {
  const TempDir directory;
  const data::Dataset dataset = made(directory / "d.tds", 600, 4);
  EXPECT_EQ(profiled_images(dataset, "train").size(), 512 * dataset.image_bytes());
  EXPECT_EQ(profiled_images(dataset, "test").size(), 4 * dataset.image_bytes());
}

TEST(RemoteProfile, AMetersFileOnThisMachineIsNoSourceOfADevice) {
  EXPECT_THAT(error_of([] { measure_remotely({.device = "pi5"}, "plan", {}, {}, "csv:meter.csv", {}); }),
              testing::HasSubstr("--energy-source: expected a source of the device"));
}

TEST(EnergyChoice, NotWantedLooksForNone) {
  EnergyChoice choice;
  choice.wanted = false;
  choice.source = "no such source";
  EXPECT_FALSE(choice.find().source);
  EXPECT_TRUE(choice.find().text.empty());
}

TEST(EnergyChoice, OneThatIsNamedAndMissingIsAnError) {
  EnergyChoice choice;
  choice.source = "no such source";
  EXPECT_THROW(choice.find(), Error);
}

TEST(EnergyChoice, WindowsAreAsLongAsTheIdleOne) {
  EnergyChoice choice;
  choice.seconds = 0.5;
  EXPECT_EQ(choice.options().idle_seconds, 0.5);
  EXPECT_EQ(choice.options().window_seconds, 0.5);
}

}  // namespace
}  // namespace triage::workflow
