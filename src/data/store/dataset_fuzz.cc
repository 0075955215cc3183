// Any bytes as a data set file, first as they are, then with a right header checksum, so that mutants get past it to
// the fields: refused with an Error, or every image and label can be read, encoded ones as far as their shards are
// right.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "data/store/dataset_format.h"

namespace {

using namespace triage::data;

void read_all(std::span<const std::uint8_t> file) {
  try {
    const DatasetLayout layout = read_dataset_head(file, "data set");
    check_dataset_content(file, layout, false, "data set");
    std::uint64_t sum = 0;
    const auto images = file.subspan(layout.images_offset, layout.images_bytes);
    for (const std::uint8_t byte : images) sum += byte;
    for (const triage::Label label : layout.labels(file)) {
      if (label >= layout.info.classes.size()) std::abort();
    }
    for (const std::uint32_t group : layout.groups(file)) {
      if (group >= layout.info.groups) std::abort();
    }
    if (sum > 255 * layout.images_bytes) std::abort();
    if (!layout.info.encoded) return;
    const std::vector<std::uint64_t> offsets = layout.offsets(file);
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      if (offsets[i] >= offsets[i + 1] || offsets[i + 1] > images.size()) std::abort();
    }
    const StoredShards stored{images, layout.checksums(file), layout.images_offset, layout.info.shard_bytes};
    for (std::uint64_t i = 0; i < shard_count(images.size(), stored.shard_bytes); ++i)
      check_shard(stored, i, "data set");
  } catch (const triage::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_all({data, size});
  if (size < kDatasetPage) return 0;
  std::vector<std::uint8_t> file(data, data + size);
  std::uint64_t offset = 0;
  std::memcpy(&offset, &file[16], sizeof offset);
  if (offset > size || offset < kDatasetInfoAt) return 0;
  const std::uint64_t file_bytes = size;
  std::memcpy(&file[48], &file_bytes, sizeof file_bytes);
  const std::string hash = dataset_head_checksum(file, offset);
  std::copy(hash.begin(), hash.end(), file.begin() + kDatasetHashAt);
  read_all(file);
  return 0;
}
