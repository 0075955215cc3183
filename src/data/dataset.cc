#include "data/dataset.h"

#include "core/error.h"
#include "data/dataset_format.h"

namespace triage::data {
namespace {

constexpr std::size_t kSpareInfo = 32 << 10;  // for the counts and names that are known at the end alone

std::string name_of(const DatasetInfo& info, const fs::path& path) {
  return info.name.empty() ? path.string() : info.name;
}

void check_shape(const DatasetInfo& info, const std::string& where) {
  if (info.channels != 1 && info.channels != 3) fail("{}: {} channels, expected 1 or 3", where, info.channels);
  if (info.height < 1 || info.width < 1 || info.height > kMaxImageSide || info.width > kMaxImageSide) {
    fail("{}: images of {}x{}, expected sides of 1 to {}", where, info.height, info.width, kMaxImageSide);
  }
  if (info.classes.empty() || info.classes.size() > kMaxDatasetClasses) {
    fail("{}: {} classes, expected 1 to {}", where, info.classes.size(), kMaxDatasetClasses);
  }
}

void check_contents(const DatasetInfo& info, std::uint64_t pixel_bytes, std::span<const Label> labels,
                    std::span<const std::uint32_t> groups, const std::string& where) {
  if (info.train_count == 0) fail("{}: no training images", where);
  const std::uint64_t count = info.size();
  if (count >= kMaxDatasetImages) fail("{}: {} images, expected less than {}", where, count, kMaxDatasetImages);
  const std::uint64_t expected = count * info.channels * info.height * info.width;
  if (pixel_bytes != expected || labels.size() != count) {
    fail("{}: {} pixel bytes and {} labels, expected {} and {}", where, pixel_bytes, labels.size(), expected, count);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= info.classes.size()) {
      fail("{}: label {} of image {}, expected 0 to {}", where, labels[i], i, info.classes.size() - 1);
    }
  }
  if (groups.size() != (info.groups > 0 ? count : 0)) {
    fail("{}: groups of {} images, expected {}", where, groups.size(), info.groups > 0 ? count : 0);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] >= info.groups) {
      fail("{}: group {} of image {}, expected 0 to {}", where, groups[i], i, info.groups - 1);
    }
  }
}

// Labels and groups as they are stored behind the pixels.
std::string make_tail(const DatasetInfo& info, std::span<const Label> labels, std::span<const std::uint32_t> groups) {
  std::string tail = store_labels(labels, info.classes.size());
  if (!groups.empty()) tail.append(reinterpret_cast<const char*>(groups.data()), groups.size_bytes());
  return tail;
}

}  // namespace

Dataset Dataset::open(const fs::path& path, bool verify) {
  Dataset dataset{MappedFile(path)};
  const auto bytes = dataset.file_.bytes();
  DatasetLayout layout = read_dataset_head(bytes, path.string());
  check_dataset_content(bytes, layout, verify, path.string());
  dataset.pixels_ = bytes.data() + layout.pixels_offset;
  dataset.labels_ = layout.labels(bytes);
  dataset.groups_ = layout.groups(bytes);
  dataset.info_ = std::move(layout.info);
  return dataset;
}

std::vector<std::uint8_t> Dataset::pixels(std::span<const std::uint32_t> images) const {
  std::vector<std::uint8_t> block;
  block.reserve(images.size() * image_bytes());
  for (const std::uint32_t index : images) block.insert(block.end(), image(index), image(index) + image_bytes());
  return block;
}

void write_dataset(const RawDataset& raw, const fs::path& path) {
  DatasetInfo info = raw.info;
  const std::string where = name_of(info, path);
  check_shape(info, where);
  check_contents(info, raw.pixels.size(), raw.labels, raw.groups, where);
  const std::string tail = make_tail(info, raw.labels, raw.groups);
  Sha256 sha;
  sha.update(raw.pixels.data(), raw.pixels.size());
  sha.update(tail.data(), tail.size());
  info.sha256 = sha.hex();
  const std::string head = make_dataset_head(info, 0);
  AtomicFile file(path);
  file.write(head.data(), head.size());
  file.write(raw.pixels.data(), raw.pixels.size());
  file.write(tail.data(), tail.size());
  file.commit();
}

DatasetWriter::DatasetWriter(const fs::path& path, const DatasetInfo& expected) : path_(path), file_(path) {
  check_shape(expected, name_of(expected, path));
  DatasetInfo info = expected;
  info.sha256.assign(kSha256Hex, '0');
  const std::string head = make_dataset_head(info, 0);
  pixels_offset_ = head.size() + kSpareInfo;
  const std::string reserved(pixels_offset_, '\0');
  file_.write(reserved.data(), reserved.size());
}

void DatasetWriter::add(std::span<const std::uint8_t> pixels) {
  file_.write(pixels.data(), pixels.size());
  sha_.update(pixels.data(), pixels.size());
  pixels_bytes_ += pixels.size();
}

void DatasetWriter::finish(DatasetInfo info, std::span<const Label> labels, std::span<const std::uint32_t> groups) {
  const std::string where = name_of(info, path_);
  check_shape(info, where);
  check_contents(info, pixels_bytes_, labels, groups, where);
  const std::string tail = make_tail(info, labels, groups);
  file_.write(tail.data(), tail.size());
  sha_.update(tail.data(), tail.size());
  info.sha256 = sha_.hex();
  const std::string head = make_dataset_head(info, pixels_offset_);
  if (head.size() != pixels_offset_) {
    fail("{}: a header of {} bytes, expected at most {}", where, head.size(), pixels_offset_);
  }
  file_.write_at(0, head.data(), head.size());
  file_.commit();
}

}  // namespace triage::data
