// The official binary layout of the CIFAR data sets, open so that tests can use fewer records.
#pragma once

#include "data/import/import.h"

namespace triage::data {

// Each file holds `records` records: label bytes (the last one is the class; CIFAR-100 has a coarse one in front), then
// 3072 bytes of pixels as planes R, G, B of 32x32, row by row.
struct CifarLayout {
  std::string name, names_file;
  std::vector<std::string> train_files, test_files;
  std::size_t train_records = 0, test_records = 0;  // per file
  std::vector<int> label_counts;                    // of each label byte: labels are 0 to count - 1
  std::vector<std::string> classes;                 // where names_file is missing
};

CifarLayout cifar10_layout();
CifarLayout cifar100_layout();
RawDataset import_cifar(const fs::path& directory, const CifarLayout& layout);

}  // namespace triage::data
