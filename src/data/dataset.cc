#include "data/dataset.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "core/error.h"
#include "data/store/dataset_format.h"

namespace triage::data {

namespace {

// Pages of a mapped file that were read once to be verified: they need not stay in memory.
void forget(std::span<const std::uint8_t> piece) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t skipped = (page - reinterpret_cast<std::uintptr_t>(piece.data()) % page) % page;
  if (piece.size() < skipped + page) return;
  const std::size_t size = (piece.size() - skipped) / page * page;
  ::madvise(const_cast<std::uint8_t*>(piece.data() + skipped), size, MADV_DONTNEED);
}

}  // namespace

Dataset Dataset::open(const fs::path& path, bool verify) {
  Dataset dataset{MappedFile(path)};
  const auto bytes = dataset.file_.bytes();
  DatasetLayout layout = read_dataset_head(bytes, path.string());
  check_dataset_content(bytes, layout, verify, path.string(), forget);
  dataset.images_ = bytes.data() + layout.images_offset;
  dataset.labels_ = layout.labels(bytes);
  dataset.groups_ = layout.groups(bytes);
  if (layout.info.encoded) {
    dataset.origin_ = path.string();
    dataset.offsets_ = layout.offsets(bytes);
    dataset.checksums_ = layout.checksums(bytes);
    dataset.valid_ = std::make_unique<std::atomic<std::uint8_t>[]>(dataset.checksums_.size() / kSha256Hex);
  }
  dataset.info_ = std::move(layout.info);
  return dataset;
}

void Dataset::fail_encoded() const {
  fail(
      "{}: its images are kept encoded, of any size, and pixels of one size are needed here: import it with --height H "
      "--width W, without --keep-encoded",
      info_.name);
}

void Dataset::verify_shard(std::uint64_t shard) const {
  if (valid_[shard].load(std::memory_order_relaxed) != 0) return;
  const auto offset = static_cast<std::uint64_t>(images_ - file_.bytes().data());
  check_shard({{images_, offsets_.back()}, checksums_, offset, info_.shard_bytes}, shard, origin_);
  valid_[shard].store(1, std::memory_order_relaxed);
}

void Dataset::verify_images() const {
  for (std::uint64_t shard = 0; shard < checksums_.size() / kSha256Hex; ++shard) {
    verify_shard(shard);
    const std::uint64_t from = shard * info_.shard_bytes;
    forget({images_ + from, std::min(info_.shard_bytes, offsets_.back() - from)});
  }
}

std::span<const std::uint8_t> Dataset::bytes(std::uint32_t index) const {
  if (!info_.encoded) return {image(index), image_bytes()};
  const std::uint64_t begin = offsets_[index], end = offsets_[index + std::size_t{1}];
  for (std::uint64_t shard = begin / info_.shard_bytes; shard * info_.shard_bytes < end; ++shard) verify_shard(shard);
  return {images_ + begin, end - begin};
}

ImageView Dataset::view(std::uint32_t index, Image& storage) const {
  if (!info_.encoded) return {image(index), info_.height, info_.width, info_.channels};
  decode(index, 0, 0, storage);
  return {storage.pixels.data(), storage.height, storage.width, storage.channels};
}

void Dataset::decode(std::uint32_t index, int target_height, int target_width, Image& storage) const {
  DecodeOptions options = info_.decode;
  options.target_height = target_height;
  options.target_width = target_width;
  Decoded decoded = try_decode(bytes(index), options);
  if (!decoded.image) fail("{}: image {}: {}", info_.name, index, decoded.reason);
  storage = decoded.image->channels == info_.channels ? std::move(*decoded.image)
                                                      : to_channels(*decoded.image, info_.channels);
}

std::vector<std::uint8_t> Dataset::pixels(std::span<const std::uint32_t> images) const {
  std::vector<std::uint8_t> block;
  block.reserve(images.size() * image_bytes());
  for (const std::uint32_t index : images) block.insert(block.end(), image(index), image(index) + image_bytes());
  return block;
}

}  // namespace triage::data
