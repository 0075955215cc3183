#include "data/store/dataset_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace triage::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian and is mapped as it stands");

constexpr char kMagic[] = "TRIAGEDS";
constexpr std::uint32_t kOldestVersion = 1;
constexpr std::uint64_t kMinShardBytes = 4096, kMaxShardBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxSpare = 1 << 20;  // zeros in front of the images that a head does not need

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

void read_encoded(const JsonReader& json, DatasetInfo& info) {
  info.encoded = json.get<bool>("encoded");
  if (!info.encoded) json.at("encoded").fail_here("true, in this version");
  for (const char* side : {"height", "width"}) {
    if (json.get<int>(side) != 0) json.at(side).fail_here("0, since encoded images are of any size");
  }
  info.decode.exif_orientation = json.get<bool>("exif_orientation");
  info.decode.max_megapixels = json.get<double>("max_megapixels");
  if (!(info.decode.max_megapixels > 0)) json.at("max_megapixels").fail_here("a number above 0");
  info.shard_bytes = json.get<std::uint64_t>("shard_bytes");
  if (info.shard_bytes < kMinShardBytes || info.shard_bytes > kMaxShardBytes) {
    json.at("shard_bytes").fail_here(std::format("{} to {}", kMinShardBytes, kMaxShardBytes));
  }
}

// Bytes of what follows the images.
struct TailSizes {
  std::uint64_t labels = 0, groups = 0, index = 0, checksums = 0;
  TailSizes(const DatasetInfo& info, std::uint64_t images_bytes)
      : labels(info.size() * label_bytes(info.classes.size())),
        groups(info.groups > 0 ? info.size() * sizeof(std::uint32_t) : 0),
        index(info.encoded ? (info.size() + 1) * sizeof(std::uint64_t) : 0),
        checksums(info.encoded ? shard_count(images_bytes, info.shard_bytes) * kSha256Hex : 0) {}
  std::uint64_t all() const { return labels + groups + index + checksums; }
};

DatasetInfo read_info(std::string_view text, std::uint32_t version, const std::string& origin) {
  const Json root = parse_json(text, origin);
  const JsonReader json(root, origin + ": info");
  DatasetInfo info;
  info.name = json.get<std::string>("name");
  info.source = json.get<std::string>("source");
  info.channels = json.get<int>("channels");
  if (info.channels != 1 && info.channels != 3) json.at("channels").fail_here("1 or 3");
  if (version == kEncodedVersion) {
    read_encoded(json, info);
  } else {
    info.height = read_side(json, "height");
    info.width = read_side(json, "width");
    info.fit = fit_from_json(json);
  }
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

void check_offsets(std::span<const std::uint64_t> offsets, const DatasetLayout& layout, const std::string& origin) {
  const std::uint64_t index_at = layout.labels_offset + layout.labels_bytes + layout.groups_bytes;
  expect_field(origin, "the offset of the first image", index_at, offsets.front(), 0);
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] <= offsets[i - 1] || offsets[i] - offsets[i - 1] > kMaxEncodedImage) {
      fail("{}: the end of image {} at offset {} is {}, expected {} to {}", origin, i - 1,
           index_at + i * sizeof(std::uint64_t), offsets[i], offsets[i - 1] + 1, offsets[i - 1] + kMaxEncodedImage);
    }
  }
  expect_field(origin, "the end of the last image", index_at + (offsets.size() - 1) * sizeof(std::uint64_t),
               offsets.back(), layout.images_bytes);
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

std::vector<std::uint64_t> DatasetLayout::offsets(std::span<const std::uint8_t> file) const {
  std::vector<std::uint64_t> offsets(info.size() + 1);
  const auto from = file.subspan(labels_offset + labels_bytes + groups_bytes, offsets.size() * sizeof(std::uint64_t));
  std::memcpy(offsets.data(), from.data(), from.size());
  return offsets;
}

std::span<const std::uint8_t> DatasetLayout::checksums(std::span<const std::uint8_t> file) const {
  const std::uint64_t bytes = shard_count(images_bytes, info.shard_bytes) * kSha256Hex;
  return file.subspan(labels_offset + TailSizes(info, images_bytes).all() - bytes, bytes);
}

std::uint64_t raw_image_bytes(const DatasetInfo& info) {
  return info.size() * info.channels * info.height * info.width;
}

std::uint64_t shard_count(std::uint64_t images_bytes, std::uint64_t shard_bytes) {
  return images_bytes / shard_bytes + (images_bytes % shard_bytes > 0);
}

std::string dataset_head_checksum(std::span<const std::uint8_t> file, std::uint64_t images_offset) {
  Sha256 sha;
  sha.update(file.data(), kDatasetHashAt);
  sha.update(file.data() + kDatasetInfoAt, images_offset - kDatasetInfoAt);
  return sha.hex();
}

std::string make_dataset_head(const DatasetInfo& info, std::uint64_t images_bytes, std::uint64_t size) {
  std::vector<std::string> classes, left_out_names;
  for (const std::string& name : info.classes) classes.push_back(valid_utf8(name));
  for (const std::string& name : info.left_out_names) left_out_names.push_back(valid_utf8(name));
  Json json = {{"name", valid_utf8(info.name)},
               {"source", valid_utf8(info.source)},
               {"options", valid_utf8(info.options)},
               {"channels", info.channels},
               {"height", info.height},
               {"width", info.width},
               {"classes", classes},
               {"train_count", info.train_count},
               {"validation_count", info.validation_count},
               {"test_count", info.test_count},
               {"groups", info.groups},
               {"left_out", info.left_out},
               {"left_out_names", left_out_names},
               {"sha256", info.sha256}};
  if (info.fit != Fit::squash) json["fit"] = fit_name(info.fit);  // absent in most files, as in all of before
  if (info.encoded) {
    json["encoded"] = true;
    json["exif_orientation"] = info.decode.exif_orientation;
    json["max_megapixels"] = info.decode.max_megapixels;
    json["shard_bytes"] = info.shard_bytes;
  }
  const std::string text = json.dump(-1, ' ', true);
  const std::uint64_t images_offset = std::max(size, round_up(kDatasetInfoAt + text.size(), kDatasetPage));
  const TailSizes tail(info, images_bytes);
  std::string head(images_offset, '\0');
  std::memcpy(head.data(), kMagic, 8);
  store(head, 8, info.encoded ? kEncodedVersion : kRawVersion);
  store(head, 12, static_cast<std::uint32_t>(text.size()));
  store(head, 16, images_offset);
  store(head, 24, images_bytes);
  store(head, 32, images_offset + images_bytes);
  store(head, 40, tail.labels);
  store(head, 48, images_offset + images_bytes + tail.all());
  store(head, 56, tail.groups);
  std::memcpy(head.data() + kDatasetInfoAt, text.data(), text.size());
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(head.data()), head.size());
  const std::string hash = dataset_head_checksum(bytes, images_offset);
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
  if (version < kOldestVersion || version > kEncodedVersion) {
    fail("{}: data set version {} at offset 8, expected {} to {}; import it again", origin, version, kOldestVersion,
         kEncodedVersion);
  }
  const auto info_bytes = load<std::uint32_t>(file, 12);
  DatasetLayout layout;
  layout.images_offset = load<std::uint64_t>(file, 16);
  layout.images_bytes = load<std::uint64_t>(file, 24);
  layout.labels_offset = load<std::uint64_t>(file, 32);
  layout.labels_bytes = load<std::uint64_t>(file, 40);
  const auto file_bytes = load<std::uint64_t>(file, 48);
  layout.groups_bytes = load<std::uint64_t>(file, 56);
  const std::uint64_t least = round_up(kDatasetInfoAt + std::uint64_t{info_bytes}, kDatasetPage);
  const bool spare = version > 1 && layout.images_offset > least && layout.images_offset - least <= kMaxSpare &&
                     layout.images_offset % kDatasetPage == 0;
  if (!spare) expect_field(origin, "images offset", 16, layout.images_offset, least);
  if (file.size() != file_bytes) {
    fail("{}: {}: {} bytes, expected {} (offset 48)", origin, file.size() < file_bytes ? "truncated" : "oversized",
         file.size(), file_bytes);
  }
  if (layout.images_offset > file.size()) {
    fail("{}: images offset {} is behind the end of the file ({} bytes)", origin, layout.images_offset, file.size());
  }
  const std::string found = dataset_head_checksum(file, layout.images_offset);
  const std::string stored(reinterpret_cast<const char*>(file.data()) + kDatasetHashAt, found.size());
  if (found != stored) {
    fail("{}: damaged header (offsets 0 to {}): SHA-256 is {}, expected {}", origin, layout.images_offset, found,
         stored);
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kDatasetInfoAt, info_bytes);
  layout.info = read_info(text, version, origin);
  const DatasetInfo& info = layout.info;
  if (!info.encoded) expect_field(origin, "images bytes", 24, layout.images_bytes, raw_image_bytes(info));
  if (layout.images_bytes > file.size()) {
    fail("{}: images bytes at offset 24 is {}, expected at most those of the file, {}", origin, layout.images_bytes,
         file.size());
  }
  const TailSizes tail(info, layout.images_bytes);
  expect_field(origin, "labels offset", 32, layout.labels_offset, layout.images_offset + layout.images_bytes);
  expect_field(origin, "labels bytes", 40, layout.labels_bytes, tail.labels);
  expect_field(origin, "groups bytes", 56, layout.groups_bytes, tail.groups);
  expect_field(origin, "file bytes", 48, file_bytes, layout.labels_offset + tail.all());
  return layout;
}

void check_dataset_content(std::span<const std::uint8_t> file, const DatasetLayout& layout, bool verify,
                           const std::string& origin, const PieceRead& read) {
  const bool encoded = layout.info.encoded;
  if (verify) {
    const std::uint64_t from = encoded ? layout.labels_offset : layout.images_offset;
    Sha256 sha;
    for (std::uint64_t at = from; at < file.size(); at += kPieceBytes) {
      const auto piece = file.subspan(at, std::min<std::uint64_t>(kPieceBytes, file.size() - at));
      sha.update(piece.data(), piece.size());
      if (read) read(piece);
    }
    const std::string found = sha.hex();
    if (found != layout.info.sha256) {
      fail("{}: damaged {} (offsets {} to {}): SHA-256 is {}, expected {}", origin,
           encoded ? "labels, index or checksums" : "pixels or labels", from, file.size(), found, layout.info.sha256);
    }
  }
  if (encoded) check_offsets(layout.offsets(file), layout, origin);
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

void check_shard(const StoredShards& stored, std::uint64_t shard, const std::string& origin) {
  const std::uint64_t from = shard * stored.shard_bytes;
  const auto bytes =
      stored.images.subspan(from, std::min<std::uint64_t>(stored.shard_bytes, stored.images.size() - from));
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  const std::string found = sha.hex();
  const auto at = stored.checksums.subspan(shard * kSha256Hex, kSha256Hex);
  if (!std::ranges::equal(found, at)) {
    fail("{}: damaged images (offsets {} to {}): SHA-256 is {}, expected {}", origin, stored.images_offset + from,
         stored.images_offset + from + bytes.size(), found, printable_line(std::string(at.begin(), at.end())));
  }
}

}  // namespace triage::data
