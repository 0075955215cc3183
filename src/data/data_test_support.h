// Helpers of the data module's tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/test_support.h"
#include "data/image/image.h"
#include "data/import/import.h"
#include "data/store/dataset_writer.h"

namespace triage::data {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

// `count_per_class` training images of each class in turn, then as many test images; pixels are a pattern of the index.
inline RawDataset small_raw(int classes, std::uint32_t count_per_class, int channels = 3, int side = 4) {
  RawDataset raw;
  raw.info.name = "small";
  raw.info.source = "a test";
  raw.info.channels = channels;
  raw.info.height = raw.info.width = side;
  for (int c = 0; c < classes; ++c) raw.info.classes.push_back("class" + std::to_string(c));
  raw.info.train_count = raw.info.test_count = count_per_class * static_cast<std::uint32_t>(classes);
  const std::size_t count = std::size_t{2} * raw.info.train_count;
  for (std::size_t i = 0; i < count; ++i) raw.labels.push_back(static_cast<Label>(i % classes));
  raw.pixels.resize(count * channels * side * side);
  for (std::size_t i = 0; i < raw.pixels.size(); ++i) raw.pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 251);
  return raw;
}

inline Dataset stored(const RawDataset& raw, const fs::path& path) {
  write_dataset(raw, path);
  return Dataset::open(path);
}

// PNG files of different sizes, grey ones and coloured ones.
inline std::vector<Bytes> encoded_files(std::size_t count) {
  std::vector<Bytes> files;
  for (std::size_t i = 0; i < count; ++i) {
    Image image{5 + static_cast<int>(i % 7), 4 + static_cast<int>(i % 5), i % 4 == 3 ? 1 : 3, {}};
    image.pixels.resize(static_cast<std::size_t>(image.height) * image.width * image.channels);
    for (std::size_t p = 0; p < image.pixels.size(); ++p) image.pixels[p] = static_cast<std::uint8_t>(p * p + i * 31);
    files.push_back(encode_png(image));
  }
  return files;
}

inline DatasetInfo encoded_info(std::size_t count, std::size_t classes) {
  DatasetInfo info;
  info.name = "photos";
  info.source = "a test";
  info.channels = 3;
  info.encoded = true;
  info.shard_bytes = 4096;
  for (std::size_t c = 0; c < classes; ++c) info.classes.push_back("class" + std::to_string(c));
  info.test_count = static_cast<std::uint32_t>(count / 3);
  info.train_count = static_cast<std::uint32_t>(count) - info.test_count;
  return info;
}

// The files in turn of each class, in groups of ten.
inline Dataset stored_encoded(const std::vector<Bytes>& files, std::size_t classes, const fs::path& path) {
  DatasetInfo info = encoded_info(files.size(), classes);
  info.groups = static_cast<std::uint32_t>(files.size() / 10 + 1);
  std::vector<Label> labels;
  std::vector<std::uint32_t> groups;
  DatasetWriter writer(path, info);
  for (std::size_t i = 0; i < files.size(); ++i) {
    writer.add(files[i]);
    labels.push_back(static_cast<Label>(i % classes));
    groups.push_back(static_cast<std::uint32_t>(i / 10));
  }
  writer.finish(info, labels, groups);
  return Dataset::open(path);
}

inline void write_bytes(const fs::path& path, const Bytes& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),  // no fsync: tests are many
             static_cast<std::streamsize>(bytes.size()));
}

inline Bytes read_bytes(const fs::path& path) {
  const std::string content = read_file(path);
  return {content.begin(), content.end()};
}

inline std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

}  // namespace triage::data
