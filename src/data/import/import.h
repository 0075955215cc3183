// Importers: official files -> RawDataset (photographs: data/photos.h). All throw Error naming file, offset or record,
// expected and found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace triage::data {

// CIFAR-10 / CIFAR-100 binary version: a directory with data_batch_{1..5}.bin, test_batch.bin, batches.meta.txt
// (10) or train.bin, test.bin, fine_label_names.txt (100, fine labels). Class names fall back to the official ones.
RawDataset import_cifar10(const fs::path& directory);
RawDataset import_cifar100(const fs::path& directory);

// MNIST and its kin: {train,t10k}-{images-idx3,labels-idx1}-ubyte, each raw or .gz, also with test instead of t10k, a
// dot before idx and a prefix ("emnist-letters-"). Fashion-MNIST gets its class names, EMNIST those of its mapping
// file.
struct IdxOptions {
  std::string set;                // of several in the directory: a prefix or its end ("letters")
  bool transpose = false;         // the images' rows are columns, as in EMNIST
  std::optional<int> label_base;  // the first label; none: 1 where no image has label 0, else 0
};
// notes: gets what a person should know; may be null.
RawDataset import_idx(const fs::path& directory, const std::string& name, const IdxOptions& options = {},
                      std::vector<std::string>* notes = nullptr);

// Seeded coloured shapes under noise, easy and hard ones mixed, learnable in seconds: for tests only.
struct GeneratedOptions {
  int classes = 4, channels = 3, height = 16, width = 16;
  std::uint32_t train_count = 2000, test_count = 400;
  double noise = 0.35;
  std::uint64_t seed = 1;
};
RawDataset generate(const GeneratedOptions& options);

}  // namespace triage::data
