#include <sstream>

#include "core/error.h"
#include "data/import/cifar.h"

namespace triage::data {
namespace {

constexpr std::size_t kPlane = 32 * 32, kPixels = 3 * kPlane;

std::vector<std::string> read_names(const fs::path& directory, const CifarLayout& layout) {
  const fs::path path = directory / layout.names_file;
  if (!fs::exists(path)) return layout.classes;
  std::vector<std::string> names;
  std::istringstream text(read_file(path));
  for (std::string name; text >> name;) names.push_back(name);
  if (names.size() != layout.classes.size()) {
    fail("{}: {} class names, expected {}", path.string(), names.size(), layout.classes.size());
  }
  return names;
}

void check_size(const fs::path& path, std::size_t size, std::size_t records, std::size_t record_bytes) {
  if (size == records * record_bytes) return;
  fail("{}: {}: {} bytes, expected {} ({} records of {} bytes); {} at record {}, offset {}", path.string(),
       size < records * record_bytes ? "truncated" : "oversized", size, records * record_bytes, records, record_bytes,
       size < records * record_bytes ? "ends" : "should end", std::min(size / record_bytes, records),
       std::min(size, records * record_bytes));
}

void append_records(const fs::path& path, std::size_t records, const CifarLayout& layout, RawDataset& raw) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  const std::size_t label_bytes = layout.label_counts.size(), record_bytes = label_bytes + kPixels;
  check_size(path, bytes.size(), records, record_bytes);
  const std::size_t first = raw.labels.size();
  raw.labels.resize(first + records);
  raw.pixels.resize((first + records) * kPixels);
  for (std::size_t r = 0; r < records; ++r) {
    const std::uint8_t* record = bytes.data() + r * record_bytes;
    for (std::size_t i = 0; i < label_bytes; ++i) {
      if (record[i] < layout.label_counts[i]) continue;
      fail("{}: label {} in record {} at offset {}, expected 0 to {}", path.string(), record[i], r,
           r * record_bytes + i, layout.label_counts[i] - 1);
    }
    raw.labels[first + r] = record[label_bytes - 1];
    const std::uint8_t* planes = record + label_bytes;
    std::uint8_t* out = raw.pixels.data() + (first + r) * kPixels;
    for (std::size_t i = 0; i < kPlane; ++i) {
      for (std::size_t c = 0; c < 3; ++c) *out++ = planes[c * kPlane + i];
    }
  }
}

}  // namespace

CifarLayout cifar10_layout() {
  CifarLayout layout;
  layout.name = "cifar10";
  layout.names_file = "batches.meta.txt";
  for (int i = 1; i <= 5; ++i) layout.train_files.push_back(std::format("data_batch_{}.bin", i));
  layout.test_files = {"test_batch.bin"};
  layout.train_records = layout.test_records = 10000;
  layout.label_counts = {10};
  layout.classes = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  return layout;
}

CifarLayout cifar100_layout() {
  CifarLayout layout;
  layout.name = "cifar100";
  layout.names_file = "fine_label_names.txt";
  layout.train_files = {"train.bin"};
  layout.test_files = {"test.bin"};
  layout.train_records = 50000;
  layout.test_records = 10000;
  layout.label_counts = {20, 100};
  layout.classes = {
      "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
      "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
      "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
      "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
      "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
      "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
      "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
      "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
      "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
      "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
      "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
      "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
      "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
      "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
      "woman",      "worm"};
  return layout;
}

RawDataset import_cifar(const fs::path& directory, const CifarLayout& layout) {
  RawDataset raw;
  raw.info.name = layout.name;
  raw.info.source = "official binary files";
  raw.info.channels = 3;
  raw.info.height = raw.info.width = 32;
  raw.info.classes = read_names(directory, layout);
  for (const auto* files : {&layout.train_files, &layout.test_files}) {
    for (const auto& file : *files) {
      if (!fs::exists(directory / file)) fail("{}: no such file", (directory / file).string());
    }
  }
  const std::size_t train = layout.train_files.size() * layout.train_records;
  const std::size_t test = layout.test_files.size() * layout.test_records;
  raw.pixels.reserve((train + test) * kPixels);
  for (const auto& file : layout.train_files) append_records(directory / file, layout.train_records, layout, raw);
  for (const auto& file : layout.test_files) append_records(directory / file, layout.test_records, layout, raw);
  raw.info.train_count = static_cast<std::uint32_t>(train);
  raw.info.test_count = static_cast<std::uint32_t>(test);
  return raw;
}

RawDataset import_cifar10(const fs::path& directory) { return import_cifar(directory, cifar10_layout()); }
RawDataset import_cifar100(const fs::path& directory) { return import_cifar(directory, cifar100_layout()); }

}  // namespace triage::data
