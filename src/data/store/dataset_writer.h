// Data set files image by image, for sets that do not fit into memory, and for encoded ones.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/files/part_file.h"
#include "data/dataset.h"

namespace triage::data {

// What is known of the images of a set by their bytes, fed in the order of the file.
class DatasetHasher {
 public:
  explicit DatasetHasher(const DatasetInfo& info) : encoded_(info.encoded), shard_bytes_(info.shard_bytes) {}
  void add(std::span<const std::uint8_t> image);  // as DatasetWriter
  std::uint64_t bytes() const { return bytes_; }
  std::size_t images() const { return offsets_.size() - 1; }  // of an encoded set
  // DatasetInfo::sha256. tail: labels and groups; gets what an encoded set stores behind them.
  std::string finish(std::string& tail);

 private:
  void end_shard();
  bool encoded_;
  std::uint64_t shard_bytes_, bytes_ = 0, in_shard_ = 0;
  std::optional<Sha256> sha_{std::in_place};  // raw: of all so far; encoded: of the shard
  std::vector<std::uint64_t> offsets_{0};     // encoded: of each image, and their end
  std::string checksums_;                     // encoded
};

// Not thread-safe. Without finish() or keep() nothing stays. One process at a time may write a file; another one gets
// an Error.
class DatasetWriter {
 public:
  enum class Begin { anew, go_on };  // go_on: with what a writer of the same set left, also one that was killed

  // `expected`: the set as it will be, but for its counts, which may come to less, its checksum, and what the import
  // left out; of an encoded one also its channels.
  DatasetWriter(const fs::path& path, const DatasetInfo& expected, Begin begin = Begin::anew);

  // In the order of the file: the pixels of one image or several; the bytes of one encoded image.
  void add(std::span<const std::uint8_t> image);
  // Begin::go_on, before add(): the same where its bytes are there already. The caller knows that they were synced.
  void take_up(std::uint64_t bytes);
  void sync();                   // what was added so far can be taken up
  void keep() { file_.keep(); }  // for a writer that goes on
  // info: with the counts as they came to be.
  void finish(DatasetInfo info, std::span<const Label> labels, std::span<const std::uint32_t> groups);

 private:
  fs::path path_;
  PartFile file_;
  DatasetHasher hasher_;
  std::uint64_t images_offset_ = 0;
};

}  // namespace triage::data
