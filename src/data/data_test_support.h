// Helpers of the data module's tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/test_support.h"
#include "data/dataset.h"
#include "data/image/image.h"
#include "data/import/import.h"

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
