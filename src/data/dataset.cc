#include "data/dataset.h"

#include "core/error.h"
#include "data/dataset_format.h"

namespace triage::data {

Dataset Dataset::open(const fs::path& path, bool verify) {
  Dataset dataset{MappedFile(path)};
  const auto bytes = dataset.file_.bytes();
  DatasetLayout layout = read_dataset_head(bytes, path.string());
  check_dataset_content(bytes, layout, verify, path.string());
  dataset.info_ = std::move(layout.info);
  dataset.pixels_ = bytes.data() + layout.pixels_offset;
  dataset.labels_ = bytes.data() + layout.labels_offset;
  return dataset;
}

void write_dataset(const RawDataset& raw, const fs::path& path) {
  DatasetInfo info = raw.info;
  const std::string where = info.name.empty() ? path.string() : info.name;
  const std::uint64_t count = std::uint64_t{info.train_count} + info.test_count;
  if (info.channels != 1 && info.channels != 3) fail("{}: {} channels, expected 1 or 3", where, info.channels);
  if (info.height < 1 || info.width < 1 || info.height > kMaxImageSide || info.width > kMaxImageSide) {
    fail("{}: images of {}x{}, expected sides of 1 to {}", where, info.height, info.width, kMaxImageSide);
  }
  if (info.classes.empty() || info.classes.size() > 256) {
    fail("{}: {} classes, expected 1 to 256", where, info.classes.size());
  }
  if (info.train_count == 0) fail("{}: no training images", where);
  const std::uint64_t pixel_bytes = count * info.channels * info.height * info.width;
  if (raw.pixels.size() != pixel_bytes || raw.labels.size() != count) {
    fail("{}: {} pixel bytes and {} labels, expected {} and {}", where, raw.pixels.size(), raw.labels.size(),
         pixel_bytes, count);
  }
  for (std::size_t i = 0; i < raw.labels.size(); ++i) {
    if (raw.labels[i] >= info.classes.size()) {
      fail("{}: label {} of image {}, expected 0 to {}", where, raw.labels[i], i, info.classes.size() - 1);
    }
  }
  Sha256 sha;
  sha.update(raw.pixels.data(), raw.pixels.size());
  sha.update(raw.labels.data(), raw.labels.size());
  info.sha256 = sha.hex();
  const std::string head = make_dataset_head(info);
  AtomicFile file(path);
  file.write(head.data(), head.size());
  file.write(raw.pixels.data(), raw.pixels.size());
  file.write(raw.labels.data(), raw.labels.size());
  file.commit();
}

}  // namespace triage::data
