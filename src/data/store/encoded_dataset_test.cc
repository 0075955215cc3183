#include <cstring>
#include <functional>

#include "data/data_test_support.h"
#include "data/store/dataset_format.h"

namespace triage::data {
namespace {

TEST(EncodedDataset, KeepsTheBytesOfItsImages) {
  const TempDir dir;
  const std::vector<Bytes> files = encoded_files(30);
  const Dataset dataset = stored_encoded(files, 4, dir / "a.tds");
  EXPECT_TRUE(dataset.encoded());
  EXPECT_EQ(dataset.info().height, 0);
  EXPECT_EQ(dataset.info().width, 0);
  EXPECT_EQ(dataset.info().channels, 3);
  EXPECT_EQ(dataset.info().shard_bytes, 4096u);
  EXPECT_EQ(dataset.size(), 30u);
  EXPECT_EQ(dataset.label(29), 1u);
  EXPECT_EQ(dataset.groups()[29], 29u / 10);
  Image storage;
  for (std::uint32_t i = 30; i-- > 0;) {
    EXPECT_TRUE(std::ranges::equal(dataset.bytes(i), files[i])) << i;
    const Image expected = to_channels(decode_image(files[i], "a file"), 3);
    const ImageView view = dataset.view(i, storage);
    EXPECT_EQ(view.height, expected.height);
    EXPECT_EQ(view.width, expected.width);
    EXPECT_EQ(view.channels, 3);
    EXPECT_EQ(Bytes(view.pixels, view.pixels + expected.pixels.size()), expected.pixels) << i;
  }
  EXPECT_EQ(error_of([&] { dataset.verify_images(); }), "no error");
  for (const auto& wants_pixels : std::vector<std::function<void()>>{
           [&] { dataset.image(0); }, [&] { dataset.image_bytes(); }, [&] { dataset.pixels(std::array{0u}); }}) {
    EXPECT_THAT(error_of(wants_pixels), AllOf(HasSubstr("photos: its images are kept encoded"),
                                              HasSubstr("import it with --height H --width W")));
  }
}

TEST(EncodedDataset, ViewsOfRawSetsAreTheMappedPixels) {
  const TempDir dir;
  const Dataset dataset = stored(small_raw(3, 5), dir / "a.tds");
  Image storage;
  const ImageView view = dataset.view(7, storage);
  EXPECT_EQ(view.pixels, dataset.image(7));
  EXPECT_EQ(view.height, 4);
  EXPECT_EQ(view.width, 4);
  EXPECT_EQ(view.channels, 3);
  EXPECT_TRUE(storage.pixels.empty());
  EXPECT_EQ(dataset.bytes(7).data(), dataset.image(7));
  EXPECT_EQ(dataset.bytes(7).size(), dataset.image_bytes());
}

TEST(EncodedDataset, AFlippedBitAnywhereIsFound) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  stored_encoded(encoded_files(12), 3, path);
  const Bytes good = read_bytes(path);
  const auto read_all = [&] {
    const Dataset dataset = Dataset::open(path);
    for (std::uint32_t i = 0; i < dataset.size(); ++i) dataset.bytes(i);
  };
  EXPECT_EQ(error_of(read_all), "no error");
  for (std::size_t at = 0; at < good.size(); at += at < 700 || at > good.size() - 700 ? 1 : 37) {
    Bytes bad = good;
    bad[at] ^= 0x10;
    write_bytes(path, bad);
    EXPECT_THAT(error_of(read_all), HasSubstr(path.string())) << "offset " << at;
  }
}

// A damaged shard does not keep a set from being opened, nor its other images from being read.
TEST(EncodedDataset, ShardsAreVerifiedWhenTheyAreTouched) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  const std::vector<Bytes> files = encoded_files(200);
  stored_encoded(files, 3, path);
  std::uint64_t images_offset = 0;
  Bytes bytes = read_bytes(path);
  std::memcpy(&images_offset, &bytes[16], sizeof images_offset);
  bytes[images_offset + 2 * 4096 + 7] ^= 1;  // in the third shard
  write_bytes(path, bytes);
  const Dataset dataset = Dataset::open(path);
  EXPECT_TRUE(std::ranges::equal(dataset.bytes(0), files[0]));
  EXPECT_TRUE(std::ranges::equal(dataset.bytes(199), files[199]));
  const std::string expected =
      std::format("damaged images (offsets {} to {})", images_offset + 2 * 4096, images_offset + 3 * 4096);
  std::uint64_t end = 0;
  std::uint32_t image = 0;
  while ((end += files[image].size()) <= 2 * 4096) ++image;
  EXPECT_THAT(error_of([&] { dataset.bytes(image); }), AllOf(HasSubstr(path.string()), HasSubstr(expected)));
  EXPECT_THAT(error_of([&] { dataset.verify_images(); }), HasSubstr(expected));
}

// What a faulty writer would leave: right checksums around an index that is wrong, and around bytes that are no image.
TEST(EncodedDataset, NamesImagesThatCannotBeRead) {
  const TempDir dir;
  std::vector<Bytes> files = encoded_files(6);
  files[4].resize(files[4].size() / 2);
  const Dataset dataset = stored_encoded(files, 3, dir / "a.tds");
  Image storage;
  EXPECT_THAT(error_of([&] { dataset.view(4, storage); }), HasSubstr("photos: image 4: unreadable PNG"));
  EXPECT_EQ(error_of([&] { dataset.view(5, storage); }), "no error");
  Bytes bytes = read_bytes(dir / "a.tds");
  const std::size_t checksums =
      64 * ((dataset.bytes(5).data() + dataset.bytes(5).size() - dataset.bytes(0).data() + 4095) / 4096);
  bytes[bytes.size() - checksums - 8] ^= 1;  // the end of the last image
  write_bytes(dir / "a.tds", bytes);
  EXPECT_THAT(error_of([&] { Dataset::open(dir / "a.tds", false); }), HasSubstr("the end of the last image"));
}

TEST(EncodedDataset, EveryTruncationIsFound) {
  const TempDir dir;
  const fs::path path = dir / "a.tds";
  stored_encoded(encoded_files(5), 3, path);
  const Bytes good = read_bytes(path);
  for (std::size_t size = 0; size < good.size(); size += 211) {
    write_bytes(path, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_THAT(error_of([&] { Dataset::open(path, false); }), HasSubstr(path.string())) << "size " << size;
  }
}

TEST(EncodedDataset, ManyClasses) {
  const TempDir dir;
  std::vector<Bytes> files(100'001, Bytes{1, 2, 3});
  DatasetInfo info = encoded_info(files.size(), 100'000);
  DatasetWriter writer(dir / "a.tds", info);
  std::vector<Label> labels;
  for (std::size_t i = 0; i < files.size(); ++i) {
    writer.add(files[i]);
    labels.push_back(static_cast<Label>((i * 7919) % 100'000));
  }
  writer.finish(info, labels, {});
  const Dataset dataset = Dataset::open(dir / "a.tds");
  EXPECT_EQ(dataset.info().classes.size(), 100'000u);
  EXPECT_TRUE(std::ranges::equal(dataset.labels(), labels));
  EXPECT_EQ(dataset.bytes(100'000).size(), 3u);
}

}  // namespace
}  // namespace triage::data
