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
  const auto pixels_of = [&] {
    std::vector<std::string> pixels;
    const data::HeldImages held = profiled_images(dataset, "test");
    for (const ImageView& view : held.views())
      pixels.emplace_back(reinterpret_cast<const char*>(view.pixels), dataset.image_bytes());
    return pixels;
  };
  const std::vector<std::string> pixels = pixels_of();
  EXPECT_EQ(pixels_of(), pixels);
  std::multiset<std::string> expected;
  for (std::uint32_t i = 0; i < 20; ++i)
    expected.emplace(reinterpret_cast<const char*>(dataset.image(dataset.info().test_first() + i)),
                     dataset.image_bytes());
  EXPECT_EQ(std::multiset(pixels.begin(), pixels.end()), expected);
}

TEST(ProfiledImages, AreNoMoreThanAMeasurementNeeds) {
  const TempDir directory;
  const data::Dataset dataset = made(directory / "d.tds", 600, 4);
  EXPECT_EQ(profiled_images(dataset, "train").size(), 512u);
  EXPECT_EQ(profiled_images(dataset, "test").size(), 4u);
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
