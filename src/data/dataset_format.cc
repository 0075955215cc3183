#include "data/dataset_format.h"

#include <bit>
#include <cstring>

#include "core/json.h"

namespace triage::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian and is mapped as it stands");

constexpr char kMagic[] = "TRIAGEDS";

template <class T>
T load(std::span<const std::uint8_t> file, std::size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

template <class T>
void store(std::string& head, std::size_t at, T value) {
  std::memcpy(head.data() + at, &value, sizeof value);
}

std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) { return (n + unit - 1) / unit * unit; }

void expect_field(const std::string& origin, const char* field, std::size_t at, std::uint64_t found,
                  std::uint64_t expected) {
  if (found != expected) fail("{}: {} at offset {} is {}, expected {}", origin, field, at, found, expected);
}

int read_side(const JsonReader& json, const char* key) {
  const auto value = json.get<int>(key);
  if (value < 1 || value > kMaxImageSide) json.at(key).fail_here(std::format("1 to {}", kMaxImageSide));
  return value;
}

std::uint32_t read_count(const JsonReader& json, const char* key) {
  const auto value = json.get<std::uint64_t>(key);
  if (value >= 1u << 31) json.at(key).fail_here("a number below 2^31");
  return static_cast<std::uint32_t>(value);
}

DatasetInfo read_info(std::string_view text, const std::string& origin) {
  const Json root = parse_json(text, origin);
  const JsonReader json(root, origin + ": info");
  DatasetInfo info;
  info.name = json.get<std::string>("name");
  info.source = json.get<std::string>("source");
  info.channels = json.get<int>("channels");
  if (info.channels != 1 && info.channels != 3) json.at("channels").fail_here("1 or 3");
  info.height = read_side(json, "height");
  info.width = read_side(json, "width");
  info.fit = fit_from_json(json);
  const JsonReader classes = json.at("classes");
  if (classes.size() < 1 || classes.size() > 256) classes.fail_here("1 to 256 classes");
  for (std::size_t i = 0; i < classes.size(); ++i) info.classes.push_back(classes.at(i).as<std::string>());
  info.train_count = read_count(json, "train_count");
  info.test_count = read_count(json, "test_count");
  info.sha256 = json.get<std::string>("sha256");
  return info;
}

}  // namespace

std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t pixels_offset) {
  Sha256 sha;
  sha.update(file.data(), kDatasetHashAt);
  sha.update(file.data() + kDatasetInfoAt, pixels_offset - kDatasetInfoAt);
  return sha.hex();
}

std::string make_dataset_head(const DatasetInfo& info) {
  std::vector<std::string> classes;
  for (const std::string& name : info.classes) classes.push_back(valid_utf8(name));
  Json json = {{"name", valid_utf8(info.name)},
               {"source", valid_utf8(info.source)},
               {"channels", info.channels},
               {"height", info.height},
               {"width", info.width},
               {"classes", classes},
               {"train_count", info.train_count},
               {"test_count", info.test_count},
               {"sha256", info.sha256}};
  if (info.fit != Fit::squash) json["fit"] = fit_name(info.fit);  // absent in most files, as in all of before
  const std::string text = json.dump(-1, ' ', true);
  const std::uint64_t count = std::uint64_t{info.train_count} + info.test_count;
  const std::uint64_t pixels_offset = round_up(kDatasetInfoAt + text.size(), kDatasetPage);
  const std::uint64_t pixels_bytes = count * info.channels * info.height * info.width;
  std::string head(pixels_offset, '\0');
  std::memcpy(head.data(), kMagic, 8);
  store(head, 8, kDatasetVersion);
  store(head, 12, static_cast<std::uint32_t>(text.size()));
  store(head, 16, pixels_offset);
  store(head, 24, pixels_bytes);
  store(head, 32, pixels_offset + pixels_bytes);
  store(head, 40, count);
  store(head, 48, pixels_offset + pixels_bytes + count);
  std::memcpy(head.data() + kDatasetInfoAt, text.data(), text.size());
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(head.data()), head.size());
  const std::string hash = dataset_head_checksum(bytes, pixels_offset);
  std::memcpy(head.data() + kDatasetHashAt, hash.data(), hash.size());
  return head;
}

DatasetLayout read_dataset_head(std::span<const std::uint8_t> file, const std::string& origin) {
  if (file.size() < 8 || std::memcmp(file.data(), kMagic, 8) != 0) {
    fail("{}: not a Triage data set: expected the magic \"{}\" at offset 0", origin, kMagic);
  }
  if (file.size() < kDatasetInfoAt) {
    fail("{}: truncated: {} bytes, expected at least {}", origin, file.size(), kDatasetInfoAt);
  }
  const auto version = load<std::uint32_t>(file, 8);
  if (version != kDatasetVersion) {
    fail("{}: data set version {} at offset 8, expected {}; import it again", origin, version, kDatasetVersion);
  }
  const auto info_bytes = load<std::uint32_t>(file, 12);
  DatasetLayout layout;
  layout.pixels_offset = load<std::uint64_t>(file, 16);
  layout.pixels_bytes = load<std::uint64_t>(file, 24);
  layout.labels_offset = load<std::uint64_t>(file, 32);
  layout.labels_bytes = load<std::uint64_t>(file, 40);
  const auto file_bytes = load<std::uint64_t>(file, 48);
  expect_field(origin, "pixels offset", 16, layout.pixels_offset,
               round_up(kDatasetInfoAt + std::uint64_t{info_bytes}, kDatasetPage));
  if (file.size() != file_bytes) {
    fail("{}: {}: {} bytes, expected {} (offset 48)", origin, file.size() < file_bytes ? "truncated" : "oversized",
         file.size(), file_bytes);
  }
  if (layout.pixels_offset > file.size()) {
    fail("{}: pixels offset {} is behind the end of the file ({} bytes)", origin, layout.pixels_offset, file.size());
  }
  const std::string found = dataset_head_checksum(file, layout.pixels_offset);
  const std::string stored(reinterpret_cast<const char*>(file.data()) + kDatasetHashAt, found.size());
  if (found != stored) {
    fail("{}: damaged header (offsets 0 to {}): SHA-256 is {}, expected {}", origin, layout.pixels_offset, found,
         stored);
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kDatasetInfoAt, info_bytes);
  layout.info = read_info(text, origin);
  const DatasetInfo& info = layout.info;
  const std::uint64_t count = std::uint64_t{info.train_count} + info.test_count;
  const std::uint64_t image_bytes = std::uint64_t{1} * info.channels * info.height * info.width;
  expect_field(origin, "pixels bytes", 24, layout.pixels_bytes, count * image_bytes);
  expect_field(origin, "labels offset", 32, layout.labels_offset, layout.pixels_offset + layout.pixels_bytes);
  expect_field(origin, "labels bytes", 40, layout.labels_bytes, count);
  expect_field(origin, "file bytes", 48, file_bytes, layout.labels_offset + count);
  return layout;
}

void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin) {
  const auto labels = file.subspan(layout.labels_offset, layout.labels_bytes);
  if (verify) {
    Sha256 sha;
    sha.update(file.data() + layout.pixels_offset, layout.pixels_bytes);
    sha.update(labels.data(), labels.size());
    const std::string found = sha.hex();
    if (found != layout.info.sha256) {
      fail("{}: damaged pixels or labels (offsets {} to {}): SHA-256 is {}, expected {}", origin, layout.pixels_offset,
           file.size(), found, layout.info.sha256);
    }
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= layout.info.classes.size()) {
      fail("{}: label {} of image {} at offset {}, expected 0 to {}", origin, labels[i], i, layout.labels_offset + i,
           layout.info.classes.size() - 1);
    }
  }
}

}  // namespace triage::data
