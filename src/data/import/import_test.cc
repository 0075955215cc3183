// Every importer on good files and on each kind of bad ones; messages name file, place, expected and found.
#include "data/import/import.h"

#include <zlib.h>

#include "data/data_test_support.h"
#include "data/import/cifar.h"
#include "data/import/idx.h"

namespace triage::data {
namespace {

constexpr int kRecord = 3073;

CifarLayout tiny10() {
  CifarLayout layout = cifar10_layout();
  layout.train_records = layout.test_records = 4;
  return layout;
}

// Record r of file f has label (f + r) % 10 and in plane c, pixel i the byte 50 c + i + r.
Bytes cifar_file(int f, int records) {
  Bytes bytes;
  for (int r = 0; r < records; ++r) {
    bytes.push_back(static_cast<std::uint8_t>((f + r) % 10));
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 1024; ++i) bytes.push_back(static_cast<std::uint8_t>(50 * c + i + r));
    }
  }
  return bytes;
}

void write_cifar10(const fs::path& dir) {
  for (int f = 1; f <= 5; ++f) write_bytes(dir / std::format("data_batch_{}.bin", f), cifar_file(f, 4));
  write_bytes(dir / "test_batch.bin", cifar_file(6, 4));
}

TEST(Cifar, PlanesBecomeInterleavedPixels) {
  const TempDir dir;
  write_cifar10(dir.path());
  const RawDataset raw = import_cifar(dir.path(), tiny10());
  EXPECT_EQ(raw.info.train_count, 20u);
  EXPECT_EQ(raw.info.test_count, 4u);
  EXPECT_EQ(raw.info.classes[9], "truck");
  ASSERT_EQ(raw.pixels.size(), 24u * 3072);
  EXPECT_EQ(raw.labels[5], 3);         // file 2, record 1
  const std::size_t image = 5 * 3072;  // of record 1
  EXPECT_EQ(raw.pixels[image + 7 * 3 + 0], 7 + 1);
  EXPECT_EQ(raw.pixels[image + 7 * 3 + 1], 50 + 7 + 1);
  EXPECT_EQ(raw.pixels[image + 7 * 3 + 2], 100 + 7 + 1);
}

TEST(Cifar, NamesComeFromTheFileWhenItIsThere) {
  const TempDir dir;
  write_cifar10(dir.path());
  write_file_atomic(dir / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(import_cifar(dir.path(), tiny10()).info.classes[9], "j");
  write_file_atomic(dir / "batches.meta.txt", "a\nb\n");
  EXPECT_THAT(error_of([&] { import_cifar(dir.path(), tiny10()); }),
              HasSubstr("batches.meta.txt: 2 class names, expected 10"));
}

TEST(Cifar, BadFiles) {
  const TempDir dir;
  const fs::path bad = dir / "data_batch_3.bin";
  const auto error = [&] { return error_of([&] { import_cifar(dir.path(), tiny10()); }); };
  write_cifar10(dir.path());
  Bytes bytes = cifar_file(3, 4);
  bytes.resize(2 * kRecord + 100);
  write_bytes(bad, bytes);
  EXPECT_THAT(error(), HasSubstr("data_batch_3.bin: truncated: 6246 bytes, expected 12292 (4 records of 3073 bytes); "
                                 "ends at record 2, offset 6246"));
  write_bytes(bad, cifar_file(3, 3));
  EXPECT_THAT(error(), HasSubstr("truncated: 9219 bytes"));
  bytes = cifar_file(3, 4);
  bytes.push_back(0);
  write_bytes(bad, bytes);
  EXPECT_THAT(error(), HasSubstr("oversized: 12293 bytes, expected 12292 (4 records of 3073 bytes); should end at "
                                 "record 4, offset 12292"));
  bytes.pop_back();
  bytes[2 * kRecord] = 10;
  write_bytes(bad, bytes);
  EXPECT_THAT(error(), HasSubstr("data_batch_3.bin: label 10 in record 2 at offset 6146, expected 0 to 9"));
  fs::remove(bad);
  EXPECT_THAT(error(), HasSubstr("data_batch_3.bin: no such file"));
}

TEST(Cifar, TheOfficialSizesAreAskedFor) {
  const TempDir dir;
  write_cifar10(dir.path());
  EXPECT_THAT(error_of([&] { import_cifar10(dir.path()); }),
              HasSubstr("expected 30730000 (10000 records of 3073 bytes)"));
  write_bytes(dir / "train.bin", {1});
  write_bytes(dir / "test.bin", {1});
  EXPECT_THAT(error_of([&] { import_cifar100(dir.path()); }),
              HasSubstr("expected 153700000 (50000 records of 3074 bytes)"));
}

TEST(Cifar, HundredClassesUseTheFineLabelAndCheckBoth) {
  const TempDir dir;
  CifarLayout layout = cifar100_layout();
  ASSERT_EQ(layout.classes.size(), 100u);
  EXPECT_TRUE(std::is_sorted(layout.classes.begin(), layout.classes.end()));
  layout.train_records = layout.test_records = 2;
  Bytes bytes(2 * 3074, 9);
  bytes[3074] = 19;
  bytes[3075] = 99;
  write_bytes(dir / "train.bin", bytes);
  write_bytes(dir / "test.bin", bytes);
  const RawDataset raw = import_cifar(dir.path(), layout);
  EXPECT_EQ(raw.labels, (std::vector<Label>{9, 99, 9, 99}));
  EXPECT_EQ(raw.info.classes[99], "worm");
  bytes[3074] = 20;
  write_bytes(dir / "test.bin", bytes);
  EXPECT_THAT(error_of([&] { import_cifar(dir.path(), layout); }),
              HasSubstr("test.bin: label 20 in record 1 at offset 3074, expected 0 to 19"));
  bytes[3074] = 0;
  bytes[3075] = 100;
  write_bytes(dir / "test.bin", bytes);
  EXPECT_THAT(error_of([&] { import_cifar(dir.path(), layout); }),
              HasSubstr("test.bin: label 100 in record 1 at offset 3075, expected 0 to 99"));
}

Bytes idx(const std::vector<std::uint32_t>& sizes, const Bytes& values) {
  Bytes bytes = {0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(size >> shift));
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes counting(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  return bytes;
}

class IdxImport : public ::testing::Test {
 protected:
  void SetUp() override {
    write_bytes(dir_ / "train-images-idx3-ubyte.gz", gzip(idx({4, 3, 2}, counting(24))));
    write_bytes(dir_ / "train-labels-idx1-ubyte", idx({4}, {0, 1, 2, 1}));
    write_bytes(dir_ / "t10k-images-idx3-ubyte", idx({2, 3, 2}, counting(12)));
    write_bytes(dir_ / "t10k-labels-idx1-ubyte.gz", gzip(idx({2}, {2, 0})));
  }
  std::string error(const std::string& name = "digits") {
    return error_of([&] { import_idx(dir_.path(), name); });
  }
  const TempDir dir_;
};

TEST_F(IdxImport, RawAndGzipMix) {
  const RawDataset raw = import_idx(dir_.path(), "digits");
  EXPECT_EQ(raw.info.height, 3);
  EXPECT_EQ(raw.info.width, 2);
  EXPECT_EQ(raw.info.channels, 1);
  EXPECT_EQ(raw.info.classes, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(raw.labels, (std::vector<Label>{0, 1, 2, 1, 2, 0}));
  Bytes expected = counting(24);
  const Bytes test = counting(12);
  expected.insert(expected.end(), test.begin(), test.end());
  EXPECT_EQ(raw.pixels, expected);
}

TEST_F(IdxImport, LabelsThatDoNotFit) {
  EXPECT_THAT(error("fashion-mnist"), HasSubstr("no image has label 3 (dress)"));
  write_bytes(dir_ / "train-labels-idx1-ubyte", idx({4}, {0, 1, 3, 1}));
  EXPECT_THAT(error(), HasSubstr("train-labels-idx1-ubyte: no image has label 2 (2)"));
  write_bytes(dir_ / "train-labels-idx1-ubyte", idx({4}, {0, 1, 0, 1}));
  EXPECT_THAT(error(),
              HasSubstr("t10k-labels-idx1-ubyte.gz: label 2 in record 0 at unpacked offset 8, expected 0 to 1"));
  write_bytes(dir_ / "train-labels-idx1-ubyte", idx({3}, {0, 1, 2}));
  EXPECT_THAT(error(), AllOf(HasSubstr("train-labels-idx1-ubyte: 3 labels, expected 4 as there are images in"),
                             HasSubstr("train-images-idx3-ubyte.gz")));
}

TEST_F(IdxImport, BadHeaders) {
  const fs::path bad = dir_ / "t10k-images-idx3-ubyte";
  Bytes bytes = idx({2, 3, 2}, counting(12));
  bytes[2] = 0x0d;
  write_bytes(bad, bytes);
  EXPECT_THAT(error(), HasSubstr("t10k-images-idx3-ubyte: IDX magic 00 00 0d at offset 0, expected 00 00 08"));
  write_bytes(bad, idx({12}, counting(12)));
  EXPECT_THAT(error(), HasSubstr("1 dimensions at offset 3, expected 3 (images, rows, columns)"));
  write_bytes(bad, idx({2, 0, 2}, {}));
  EXPECT_THAT(error(), HasSubstr("size 0 at offset 8, expected at least 1"));
  write_bytes(bad, idx({2, 3, 2}, counting(11)));
  EXPECT_THAT(error(), HasSubstr("t10k-images-idx3-ubyte: truncated: 27 bytes, expected 28 by the sizes at offset 4"));
  write_bytes(bad, idx({2, 3, 2}, counting(13)));
  EXPECT_THAT(error(), HasSubstr("oversized: 29 bytes, expected 28"));
  write_bytes(bad, idx({0xffffffff, 0xffffffff, 0xffffffff}, {}));
  EXPECT_THAT(error(), HasSubstr("over 2147483648 values by the sizes at offset 4"));
  write_bytes(bad, idx({2, 2, 3}, counting(12)));
  EXPECT_THAT(error(), HasSubstr("t10k-images-idx3-ubyte: images of 2x3, expected 3x2 as in"));
  write_bytes(bad, {0, 0});
  EXPECT_THAT(error(), HasSubstr("truncated: 2 bytes, expected an IDX header of 16"));
  fs::remove(bad);
  EXPECT_THAT(error(),
              HasSubstr("no file of the test images (idx3), raw or with .gz, beside t10k-labels-idx1-ubyte.gz"));
}

TEST_F(IdxImport, BadGzip) {
  const fs::path bad = dir_ / "train-images-idx3-ubyte.gz";
  const Bytes good = gzip(idx({4, 3, 2}, counting(24)));
  for (const std::size_t size : {std::size_t{5}, std::size_t{20}, good.size() - 1}) {
    write_bytes(bad, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_THAT(error(), AllOf(HasSubstr("train-images-idx3-ubyte.gz: truncated gzip: "),
                               HasSubstr(std::format("{} bytes in", size))));
  }
  Bytes flipped = good;
  flipped[flipped.size() - 6] ^= 1;  // in the CRC
  write_bytes(bad, flipped);
  EXPECT_THAT(error(), AllOf(HasSubstr("damaged gzip at offset"), HasSubstr("incorrect data check")));
  Bytes longer = good;
  longer.push_back(1);
  write_bytes(bad, longer);
  EXPECT_THAT(error(), HasSubstr("1 bytes behind the end of the gzip data"));
  Bytes two = gzip(idx({4, 3, 2}, counting(10)));  // pieces of one file, each a member of its own
  const Bytes rest_of_it = counting(24);
  const Bytes rest = gzip({rest_of_it.begin() + 10, rest_of_it.end()});
  two.insert(two.end(), rest.begin(), rest.end());
  two.resize(two.size() + 512);  // tapes and some servers add zeros
  EXPECT_EQ(gunzip(two, 1000, "two"), idx({4, 3, 2}, counting(24)));
  two.resize(two.size() - 512 - 3);
  EXPECT_THAT(error_of([&] { gunzip(two, 1000, "two"); }), HasSubstr("two: truncated gzip"));
  EXPECT_THAT(error_of([&] { gunzip(gzip(Bytes(100000)), 5000, "bomb"); }), HasSubstr("bomb: unpacks to over 5000"));
}

TEST(IdxNames, OfEmnistWithDotsAndOtherTests) {
  const TempDir dir;
  const auto write_set = [&](const std::string& prefix, const std::string& dot, const Bytes& labels) {
    const auto count = static_cast<std::uint32_t>(labels.size());
    for (const char* part : {"train", "test"}) {
      write_bytes(dir.path() / (prefix + part + "-images" + dot + "idx3-ubyte"),
                  idx({count, 1, 2}, counting(2 * count)));
      write_bytes(dir.path() / (prefix + part + "-labels" + dot + "idx1-ubyte.gz"), gzip(idx({count}, labels)));
    }
  };
  write_set("", ".", {0, 1});
  EXPECT_EQ(import_idx(dir.path(), "digits").info.test_count, 2u);
  write_set("emnist-letters-", "-", {1, 2, 3});
  write_set("emnist-mnist-", "-", {1, 0});
  EXPECT_THAT(error_of([&] { import_idx(dir.path(), "digits"); }),
              HasSubstr("3 sets of IDX files (one without a prefix, emnist-letters, emnist-mnist); --set chooses one"));
  EXPECT_THAT(error_of([&] { import_idx(dir.path(), "digits", {.set = "digits"}); }),
              HasSubstr("expected a set 'digits' of IDX files, found"));
  std::vector<std::string> notes;
  RawDataset raw = import_idx(dir.path(), "letters", {.set = "letters", .transpose = true}, &notes);
  EXPECT_EQ(raw.info.height, 2);
  EXPECT_EQ(raw.info.width, 1);
  EXPECT_EQ(raw.info.classes, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(raw.labels, (std::vector<Label>{0, 1, 2, 0, 1, 2}));
  EXPECT_THAT(notes, ::testing::ElementsAre(HasSubstr("labels begin at 1")));
  EXPECT_THAT(error_of([&] { import_idx(dir.path(), "letters", {.set = "letters", .label_base = 0}); }),
              HasSubstr("no image has label 0 (0)"));
  write_bytes(dir / "emnist-letters-mapping.txt", [] {
    const std::string text = "1 65 97\n2 66 98\n3 67 99\n";
    return Bytes(text.begin(), text.end());
  }());
  EXPECT_EQ(import_idx(dir.path(), "letters", {.set = "emnist-letters"}).info.classes,
            (std::vector<std::string>{"Aa", "Bb", "Cc"}));
  fs::remove(dir / "emnist-mnist-test-labels-idx1-ubyte.gz");
  EXPECT_THAT(
      error_of([&] { import_idx(dir.path(), "mnist", {.set = "mnist"}); }),
      HasSubstr("no file of the test labels (idx1), raw or with .gz, beside emnist-mnist-test-images-idx3-ubyte"));
}

TEST(IdxNames, TransposedImages) {
  const TempDir dir;
  for (const char* part : {"train", "t10k"}) {
    write_bytes(dir.path() / std::format("{}-images-idx3-ubyte", part), idx({1, 2, 3}, {1, 2, 3, 4, 5, 6}));
    write_bytes(dir.path() / std::format("{}-labels-idx1-ubyte", part), idx({1}, {0}));
  }
  const RawDataset raw = import_idx(dir.path(), "digits", {.transpose = true});
  EXPECT_EQ(raw.pixels, (Bytes{1, 4, 2, 5, 3, 6, 1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(raw.info.height, 3);
}

}  // namespace
}  // namespace triage::data
