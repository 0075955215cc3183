#include <algorithm>

#include "core/error.h"
#include "core/progress.h"
#include "data/image.h"
#include "data/import.h"

namespace triage::data {
namespace {

struct File {
  fs::path path;
  Label label = 0;
};

// Entries by name, hidden ones left out.
std::vector<fs::path> list(const fs::path& directory, bool directories) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with('.') || it->is_directory() != directories) continue;
    entries.push_back(it->path());
  }
  if (error) fail("{}: cannot list: {}", directory.string(), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<std::string> class_names(const fs::path& split) {
  if (!fs::is_directory(split)) fail("{}: no such directory, expected class folders in it", split.string());
  std::vector<std::string> names;
  for (const auto& entry : list(split, true)) names.push_back(entry.filename().string());
  return names;
}

std::vector<File> list_images(const fs::path& split, const std::vector<std::string>& classes) {
  std::vector<File> files;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto images = list(split / classes[c], false);
    const auto folders = list(split / classes[c], true);
    if (!folders.empty()) fail("{}: a folder inside a class folder, expected image files only", folders[0].string());
    if (images.empty()) fail("{}: class without images, expected at least one", (split / classes[c]).string());
    for (const auto& image : images) files.push_back({image, static_cast<Label>(c)});
  }
  return files;
}

// The pixels of all images, one after the other; turns to colour at the first colour image unless channels are set.
class Collector {
 public:
  Collector(const FolderOptions& options, std::size_t count) : options_(options), count_(count) {
    if (options.channels != 0) channels_ = options.channels;
  }

  void add(const File& file) {
    Image image = load_image(file.path);
    if (options_.height > 0) {
      image = resize(image, options_.height, options_.width);
    } else if (added_ > 0 && (image.height != height_ || image.width != width_)) {
      fail("{}: {}x{} pixels, expected {}x{} as in {}; --height and --width resize all images", file.path.string(),
           image.height, image.width, height_, width_, first_.string());
    }
    if (added_ == 0) {
      height_ = image.height;
      width_ = image.width;
      first_ = file.path;
      reserve();
    }
    if (options_.channels == 0 && image.channels > channels_) {
      const Image grey{static_cast<int>(added_) * height_, width_, 1, std::move(pixels_)};
      channels_ = 3;
      pixels_ = {};
      reserve();
      const Image colour = to_channels(grey, 3);
      pixels_.insert(pixels_.end(), colour.pixels.begin(), colour.pixels.end());
    }
    image = to_channels(image, channels_);
    pixels_.insert(pixels_.end(), image.pixels.begin(), image.pixels.end());
    ++added_;
  }

  void move_to(RawDataset& raw) {
    raw.info.channels = channels_;
    raw.info.height = height_;
    raw.info.width = width_;
    raw.pixels = std::move(pixels_);
  }

 private:
  void reserve() { pixels_.reserve(count_ * height_ * width_ * channels_); }

  FolderOptions options_;
  std::size_t count_, added_ = 0;
  int height_ = 0, width_ = 0, channels_ = 1;
  fs::path first_;
  std::vector<std::uint8_t> pixels_;
};

void check_options(const FolderOptions& options) {
  if ((options.height == 0) != (options.width == 0) || options.height < 0 || options.width < 0) {
    fail("height {} and width {}: expected both, or neither to keep the size", options.height, options.width);
  }
  if (options.channels != 0 && options.channels != 1 && options.channels != 3) {
    fail("channels {}: expected 1, 3, or 0 to decide by the images", options.channels);
  }
}

}  // namespace

RawDataset import_folder(const fs::path& directory, const std::string& name, const FolderOptions& options) {
  check_options(options);
  RawDataset raw;
  raw.info.name = name;
  raw.info.source = "image folder " + directory.filename().string();
  raw.info.classes = class_names(directory / "train");
  const auto& classes = raw.info.classes;
  if (classes.empty()) fail("{}: no class folders, expected one per class", (directory / "train").string());
  const auto test_classes = class_names(directory / "test");
  for (const auto& c : classes) {
    if (!std::binary_search(test_classes.begin(), test_classes.end(), c)) {
      fail("{}: class {} is missing, expected the classes of {}", (directory / "test").string(), c,
           (directory / "train").string());
    }
  }
  for (const auto& c : test_classes) {
    if (!std::binary_search(classes.begin(), classes.end(), c)) {
      fail("{}: class {} is not in {}", (directory / "test").string(), c, (directory / "train").string());
    }
  }
  auto files = list_images(directory / "train", classes);
  raw.info.train_count = static_cast<std::uint32_t>(files.size());
  const auto test = list_images(directory / "test", classes);
  raw.info.test_count = static_cast<std::uint32_t>(test.size());
  files.insert(files.end(), test.begin(), test.end());

  Collector collector(options, files.size());
  Progress progress("import", files.size(), "images");
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (stop_requested()) throw Interrupted("import stopped; nothing was written");
    collector.add(files[i]);
    raw.labels.push_back(files[i].label);
    progress.update(i + 1);
  }
  progress.finish();
  collector.move_to(raw);
  return raw;
}

}  // namespace triage::data
