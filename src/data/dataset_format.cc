#include "data/dataset_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/json.h"

namespace triage::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian and is mapped as it stands");

constexpr char kMagic[] = "TRIAGEDS";
constexpr std::uint32_t kOldestVersion = 1;
constexpr std::uint64_t kMaxSpare = 1 << 20;  // zeros in front of the pixels that a head does not need

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
  if (value >= kMaxDatasetImages) json.at(key).fail_here("a number below 2^31");
  return static_cast<std::uint32_t>(value);
}

DatasetInfo read_info(std::string_view text, std::uint32_t version, const std::string& origin) {
  const Json root = parse_json(text, origin);
  const JsonReader json(root, origin + ": info");
  DatasetInfo info;
  info.name = json.get<std::string>("name");
  info.source = json.get<std::string>("source");
  info.channels = json.get<int>("channels");
  if (info.channels != 1 && info.channels != 3) json.at("channels").fail_here("1 or 3");
  info.height = read_side(json, "height");
  info.width = read_side(json, "width");
  const JsonReader classes = json.at("classes");
  const std::size_t most = version == 1 ? 256 : kMaxDatasetClasses;
  if (classes.size() < 1 || classes.size() > most) classes.fail_here(std::format("1 to {} classes", most));
  for (std::size_t i = 0; i < classes.size(); ++i) info.classes.push_back(classes.at(i).as<std::string>());
  info.train_count = read_count(json, "train_count");
  info.test_count = read_count(json, "test_count");
  info.sha256 = json.get<std::string>("sha256");
  if (version == 1) return info;
  info.options = json.get<std::string>("options");
  info.validation_count = read_count(json, "validation_count");
  info.groups = read_count(json, "groups");
  info.left_out = json.get<std::uint64_t>("left_out");
  info.left_out_names = json.get<std::vector<std::string>>("left_out_names");
  if (info.size() >= kMaxDatasetImages) json.at("train_count").fail_here("less than 2^31 images in all");
  return info;
}

}  // namespace

std::vector<Label> DatasetLayout::labels(std::span<const std::uint8_t> file) const {
  return load_labels(file.subspan(labels_offset, labels_bytes), info.classes.size());
}

std::vector<std::uint32_t> DatasetLayout::groups(std::span<const std::uint8_t> file) const {
  std::vector<std::uint32_t> groups(groups_bytes / sizeof(std::uint32_t));
  if (!groups.empty()) std::memcpy(groups.data(), file.data() + labels_offset + labels_bytes, groups_bytes);
  return groups;
}

std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t pixels_offset) {
  Sha256 sha;
  sha.update(file.data(), kDatasetHashAt);
  sha.update(file.data() + kDatasetInfoAt, pixels_offset - kDatasetInfoAt);
  return sha.hex();
}

std::string make_dataset_head(const DatasetInfo& info, std::uint64_t size) {
  const Json json = {{"name", info.name},
                     {"source", info.source},
                     {"options", info.options},
                     {"channels", info.channels},
                     {"height", info.height},
                     {"width", info.width},
                     {"classes", info.classes},
                     {"train_count", info.train_count},
                     {"validation_count", info.validation_count},
                     {"test_count", info.test_count},
                     {"groups", info.groups},
                     {"left_out", info.left_out},
                     {"left_out_names", info.left_out_names},
                     {"sha256", info.sha256}};
  const std::string text = json.dump(-1, ' ', true);
  const std::uint64_t pixels_offset = std::max(size, round_up(kDatasetInfoAt + text.size(), kDatasetPage));
  const std::uint64_t pixels_bytes = info.size() * info.channels * info.height * info.width;
  const std::uint64_t labels_bytes = info.size() * label_bytes(info.classes.size());
  const std::uint64_t groups_bytes = info.groups > 0 ? info.size() * sizeof(std::uint32_t) : 0;
  std::string head(pixels_offset, '\0');
  std::memcpy(head.data(), kMagic, 8);
  store(head, 8, kDatasetVersion);
  store(head, 12, static_cast<std::uint32_t>(text.size()));
  store(head, 16, pixels_offset);
  store(head, 24, pixels_bytes);
  store(head, 32, pixels_offset + pixels_bytes);
  store(head, 40, labels_bytes);
  store(head, 48, pixels_offset + pixels_bytes + labels_bytes + groups_bytes);
  store(head, 56, groups_bytes);
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
  if (version < kOldestVersion || version > kDatasetVersion) {
    fail("{}: data set version {} at offset 8, expected {} to {}; import it again", origin, version, kOldestVersion,
         kDatasetVersion);
  }
  const auto info_bytes = load<std::uint32_t>(file, 12);
  DatasetLayout layout;
  layout.pixels_offset = load<std::uint64_t>(file, 16);
  layout.pixels_bytes = load<std::uint64_t>(file, 24);
  layout.labels_offset = load<std::uint64_t>(file, 32);
  layout.labels_bytes = load<std::uint64_t>(file, 40);
  const auto file_bytes = load<std::uint64_t>(file, 48);
  layout.groups_bytes = load<std::uint64_t>(file, 56);
  const std::uint64_t least = round_up(kDatasetInfoAt + std::uint64_t{info_bytes}, kDatasetPage);
  const bool spare = version > 1 && layout.pixels_offset > least && layout.pixels_offset - least <= kMaxSpare &&
                     layout.pixels_offset % kDatasetPage == 0;
  if (!spare) expect_field(origin, "pixels offset", 16, layout.pixels_offset, least);
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
  layout.info = read_info(text, version, origin);
  const DatasetInfo& info = layout.info;
  const std::uint64_t count = info.size(), labels_bytes = count * label_bytes(info.classes.size());
  const std::uint64_t groups_bytes = info.groups > 0 ? count * sizeof(std::uint32_t) : 0;
  const std::uint64_t image_bytes = std::uint64_t{1} * info.channels * info.height * info.width;
  expect_field(origin, "pixels bytes", 24, layout.pixels_bytes, count * image_bytes);
  expect_field(origin, "labels offset", 32, layout.labels_offset, layout.pixels_offset + layout.pixels_bytes);
  expect_field(origin, "labels bytes", 40, layout.labels_bytes, labels_bytes);
  expect_field(origin, "groups bytes", 56, layout.groups_bytes, groups_bytes);
  expect_field(origin, "file bytes", 48, file_bytes, layout.labels_offset + labels_bytes + groups_bytes);
  return layout;
}

void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin) {
  if (verify) {
    Sha256 sha;
    sha.update(file.data() + layout.pixels_offset, layout.pixels_bytes);
    sha.update(file.data() + layout.labels_offset, layout.labels_bytes + layout.groups_bytes);
    const std::string found = sha.hex();
    if (found != layout.info.sha256) {
      fail("{}: damaged pixels or labels (offsets {} to {}): SHA-256 is {}, expected {}", origin, layout.pixels_offset,
           file.size(), found, layout.info.sha256);
    }
  }
  const std::size_t classes = layout.info.classes.size();
  const std::vector<Label> labels = layout.labels(file);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes) {
      fail("{}: label {} of image {} at offset {}, expected 0 to {}", origin, labels[i], i,
           layout.labels_offset + i * label_bytes(classes), classes - 1);
    }
  }
  const std::vector<std::uint32_t> groups = layout.groups(file);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] >= layout.info.groups) {
      fail("{}: group {} of image {} at offset {}, expected 0 to {}", origin, groups[i], i,
           layout.labels_offset + layout.labels_bytes + i * sizeof(std::uint32_t), layout.info.groups - 1);
    }
  }
}

}  // namespace triage::data
