#include "data/held_images.h"

#include "data/data_test_support.h"

namespace triage::data {
namespace {

TEST(HeldImages, AreThoseOfTheSetAsFarAsMemoryGoes) {
  const TempDir dir;
  for (const bool encoded : {false, true}) {
    const Dataset dataset =
        encoded ? stored_encoded(encoded_files(6), 2, dir / "encoded.tds") : stored(small_raw(2, 3), dir / "raw.tds");
    const std::array indices{4u, 0u, 4u};
    const HeldImages held(dataset, indices, 1 << 20);
    ASSERT_EQ(held.size(), 3u);
    std::size_t first_two = 0;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      Image storage;
      const ImageView found = held.views()[i], expected = dataset.view(indices[i], storage);
      const std::size_t bytes = static_cast<std::size_t>(expected.height) * expected.width * expected.channels;
      EXPECT_EQ(std::tuple(found.height, found.width, found.channels),
                std::tuple(expected.height, expected.width, expected.channels));
      EXPECT_TRUE(std::equal(found.pixels, found.pixels + bytes, expected.pixels));
      if (i < 2) first_two += bytes;
    }
    EXPECT_EQ(HeldImages(dataset, indices, first_two).size(), encoded ? 2u : 3u);
    EXPECT_EQ(HeldImages(dataset, indices, 1).size(), encoded ? 1u : 3u);
  }
}

}  // namespace
}  // namespace triage::data
