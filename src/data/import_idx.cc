#include <algorithm>

#include "core/error.h"
#include "data/idx.h"
#include "data/import.h"

namespace triage::data {
namespace {

const std::vector<std::string>& fashion_names() {
  static const std::vector<std::string> names = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                                                 "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
  return names;
}

struct Part {
  Idx images, labels;
  fs::path images_path, labels_path;
};

fs::path find_file(const fs::path& directory, const std::string& name) {
  for (const std::string& candidate : {name, name + ".gz"}) {
    if (fs::exists(directory / candidate)) return directory / candidate;
  }
  fail("{}: no such file, raw or with .gz", (directory / name).string());
}

Idx load_idx(const fs::path& path, int dimensions) {
  return parse_idx(MappedFile(path).bytes(), dimensions, path.string());
}

Part load_part(const fs::path& directory, const std::string& prefix) {
  Part part;
  part.images_path = find_file(directory, prefix + "-images-idx3-ubyte");
  part.labels_path = find_file(directory, prefix + "-labels-idx1-ubyte");
  part.images = load_idx(part.images_path, 3);
  part.labels = load_idx(part.labels_path, 1);
  if (part.images.sizes[0] != part.labels.sizes[0]) {
    fail("{}: {} labels, expected {} as there are images in {}", part.labels_path.string(), part.labels.sizes[0],
         part.images.sizes[0], part.images_path.string());
  }
  return part;
}

void check_labels(const Part& part, std::size_t classes) {
  for (std::size_t i = 0; i < part.labels.values.size(); ++i) {
    if (part.labels.values[i] >= classes) {
      fail("{}: label {} in record {} at unpacked offset {}, expected 0 to {}", part.labels_path.string(),
           part.labels.values[i], i, 8 + i, classes - 1);
    }
  }
}

}  // namespace

RawDataset import_idx(const fs::path& directory, const std::string& name) {
  Part train = load_part(directory, "train"), test = load_part(directory, "t10k");
  for (const int d : {1, 2}) {
    if (test.images.sizes[d] != train.images.sizes[d]) {
      fail("{}: images of {}x{}, expected {}x{} as in {}", test.images_path.string(), test.images.sizes[1],
           test.images.sizes[2], train.images.sizes[1], train.images.sizes[2], train.images_path.string());
    }
  }
  RawDataset raw;
  raw.info.name = name;
  raw.info.source = "IDX files";
  raw.info.channels = 1;
  raw.info.height = static_cast<int>(train.images.sizes[1]);
  raw.info.width = static_cast<int>(train.images.sizes[2]);
  raw.info.train_count = train.images.sizes[0];
  raw.info.test_count = test.images.sizes[0];
  if (name == "fashion-mnist") {
    raw.info.classes = fashion_names();
  } else {
    const int last = *std::max_element(train.labels.values.begin(), train.labels.values.end());
    for (int c = 0; c <= last; ++c) raw.info.classes.push_back(std::to_string(c));
  }
  const std::size_t classes = raw.info.classes.size();
  check_labels(train, classes);
  check_labels(test, classes);
  std::vector<std::uint32_t> counts(classes);
  for (const std::uint8_t label : train.labels.values) ++counts[label];
  for (std::size_t c = 0; c < classes; ++c) {
    if (counts[c] == 0) fail("{}: no image has label {} ({})", train.labels_path.string(), c, raw.info.classes[c]);
  }
  raw.pixels = std::move(train.images.values);
  raw.pixels.insert(raw.pixels.end(), test.images.values.begin(), test.images.values.end());
  raw.labels.assign(train.labels.values.begin(), train.labels.values.end());
  raw.labels.insert(raw.labels.end(), test.labels.values.begin(), test.labels.values.end());
  return raw;
}

}  // namespace triage::data
