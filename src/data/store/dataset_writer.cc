#include "data/store/dataset_writer.h"

#include <algorithm>

#include "core/error.h"
#include "data/store/dataset_format.h"

namespace triage::data {
namespace {

constexpr std::size_t kSpareInfo = 32 << 10;  // for the counts and names that are known at the end alone

std::string name_of(const DatasetInfo& info, const fs::path& path) {
  return info.name.empty() ? path.string() : info.name;
}

void check_shape(const DatasetInfo& info, const std::string& where) {
  if (info.channels != 1 && info.channels != 3) fail("{}: {} channels, expected 1 or 3", where, info.channels);
  if (info.encoded) {
    if (info.height != 0 || info.width != 0) {
      fail("{}: encoded images of {}x{}, expected 0x0, of any size", where, info.height, info.width);
    }
  } else if (info.height < 1 || info.width < 1 || info.height > kMaxImageSide || info.width > kMaxImageSide) {
    fail("{}: images of {}x{}, expected sides of 1 to {}", where, info.height, info.width, kMaxImageSide);
  }
  if (info.classes.empty() || info.classes.size() > kMaxDatasetClasses) {
    fail("{}: {} classes, expected 1 to {}", where, info.classes.size(), kMaxDatasetClasses);
  }
}

void check_contents(const DatasetInfo& info, std::uint64_t image_bytes, std::span<const Label> labels,
                    std::span<const std::uint32_t> groups, const std::string& where) {
  if (info.train_count == 0) fail("{}: no training images", where);
  const std::uint64_t count = info.size();
  if (count >= kMaxDatasetImages) fail("{}: {} images, expected less than {}", where, count, kMaxDatasetImages);
  const std::uint64_t expected = info.encoded ? image_bytes : raw_image_bytes(info);
  if (image_bytes != expected || labels.size() != count) {
    fail("{}: {} pixel bytes and {} labels, expected {} and {}", where, image_bytes, labels.size(), expected, count);
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

void DatasetHasher::add(std::span<const std::uint8_t> image) {
  bytes_ += image.size();
  if (!encoded_) {
    sha_->update(image.data(), image.size());
    return;
  }
  offsets_.push_back(bytes_);
  while (!image.empty()) {
    const std::size_t part = std::min<std::uint64_t>(image.size(), shard_bytes_ - in_shard_);
    sha_->update(image.data(), part);
    image = image.subspan(part);
    in_shard_ += part;
    if (in_shard_ == shard_bytes_) end_shard();
  }
}

void DatasetHasher::end_shard() {
  checksums_ += sha_->hex();
  sha_.emplace();
  in_shard_ = 0;
}

std::string DatasetHasher::finish(std::string& tail) {
  if (!encoded_) {
    sha_->update(tail.data(), tail.size());
    return sha_->hex();
  }
  if (in_shard_ > 0) end_shard();
  tail.append(reinterpret_cast<const char*>(offsets_.data()), offsets_.size() * sizeof offsets_[0]);
  tail += checksums_;
  return sha256_hex(tail);
}

void write_dataset(const RawDataset& raw, const fs::path& path) {
  DatasetInfo info = raw.info;
  const std::string where = name_of(info, path);
  if (info.encoded) fail("{}: an encoded set, expected a raw one", where);
  check_shape(info, where);
  check_contents(info, raw.pixels.size(), raw.labels, raw.groups, where);
  std::string tail = make_tail(info, raw.labels, raw.groups);
  DatasetHasher hasher(info);
  hasher.add(raw.pixels);
  info.sha256 = hasher.finish(tail);
  const std::string head = make_dataset_head(info, raw.pixels.size(), 0);
  AtomicFile file(path);
  file.write(head.data(), head.size());
  file.write(raw.pixels.data(), raw.pixels.size());
  file.write(tail.data(), tail.size());
  file.commit();
}

DatasetWriter::DatasetWriter(const fs::path& path, const DatasetInfo& expected, Begin begin)
    : path_(path), file_(path), hasher_(expected) {
  check_shape(expected, name_of(expected, path));
  DatasetInfo info = expected;
  info.sha256.assign(kSha256Hex, '0');
  images_offset_ = make_dataset_head(info, 0, 0).size() + kSpareInfo;
  if (begin == Begin::go_on) return;
  file_.truncate(0);
  const std::string reserved(images_offset_, '\0');
  file_.write(reserved.data(), reserved.size());
}

void DatasetWriter::add(std::span<const std::uint8_t> image) {
  const std::uint64_t end = images_offset_ + hasher_.bytes();
  if (file_.size() != end) file_.truncate(end);  // what was written behind the last sync
  file_.write(image.data(), image.size());
  hasher_.add(image);
}

void DatasetWriter::take_up(std::uint64_t bytes) {
  std::vector<std::uint8_t> image(bytes);
  file_.read_at(images_offset_ + hasher_.bytes(), image.data(), image.size());
  hasher_.add(image);
}

void DatasetWriter::sync() { file_.sync(); }

void DatasetWriter::finish(DatasetInfo info, std::span<const Label> labels, std::span<const std::uint32_t> groups) {
  const std::string where = name_of(info, path_);
  check_shape(info, where);
  check_contents(info, hasher_.bytes(), labels, groups, where);
  if (info.encoded && hasher_.images() != info.size()) {
    fail("{}: {} encoded images, expected {}", where, hasher_.images(), info.size());
  }
  std::string tail = make_tail(info, labels, groups);
  info.sha256 = hasher_.finish(tail);
  const std::string head = make_dataset_head(info, hasher_.bytes(), images_offset_);
  if (head.size() != images_offset_) {
    fail("{}: a header of {} bytes, expected at most {}", where, head.size(), images_offset_);
  }
  file_.truncate(images_offset_ + hasher_.bytes());
  file_.write(tail.data(), tail.size());
  file_.write_at(0, head.data(), head.size());
  file_.commit();
}

}  // namespace triage::data
