// Importers: official files -> RawDataset. All throw Error naming file, offset or record, expected and found.
#pragma once

#include <string>

#include "data/dataset.h"
#include "data/resize.h"

namespace triage::data {

// CIFAR-10 / CIFAR-100 binary version: a directory with data_batch_{1..5}.bin, test_batch.bin, batches.meta.txt
// (10) or train.bin, test.bin, fine_label_names.txt (100, fine labels). Class names fall back to the official ones.
RawDataset import_cifar10(const fs::path& directory);
RawDataset import_cifar100(const fs::path& directory);

// MNIST and its kin: {train,t10k}-{images-idx3,labels-idx1}-ubyte, each raw or .gz. Fashion-MNIST gets its class names.
RawDataset import_idx(const fs::path& directory, const std::string& name);

// split/class/file with splits "train" and "test"; all kImageFormats, any size, grey or colour. Images are brought to
// `height` x `width` (data/resize.h); 0 means: all have one size, keep it. channels 0: 1 when every image is grey,
// else 3.
struct FolderOptions {
  int height = 0, width = 0, channels = 0;
  Fit fit = Fit::squash;
  DecodeOptions decode;
};
RawDataset import_folder(const fs::path& directory, const std::string& name, const FolderOptions& options);

// Seeded coloured shapes under noise, easy and hard ones mixed, learnable in seconds: for tests only.
struct GeneratedOptions {
  int classes = 4, channels = 3, height = 16, width = 16;
  std::uint32_t train_count = 2000, test_count = 400;
  double noise = 0.35;
  std::uint64_t seed = 1;
};
RawDataset generate(const GeneratedOptions& options);

}  // namespace triage::data
