// Files of any kind that can be imported -> a data set file.
#pragma once

#include "core/json.h"
#include "data/import/import.h"
#include "data/import/photos.h"

namespace triage::data {

struct ImportRequest {
  std::string kind;     // folder, list, idx, fashion-mnist, cifar10, cifar100
  fs::path path;        // directory with the files, or the list; fashion-mnist: empty is Debian's package
  std::string name;     // of the data set; empty: the directory's or the list's
  PhotoOptions photos;  // folder, list
  ListOptions list;
  IdxOptions idx;
  double validation_from_test = 0;  // folder, list: this share of the test images becomes the set's validation images
  fs::path bad_files;               // folder, list: gets all unreadable files and why; empty: none
};

// Drawn by class (and group), by the seed. Throws Error where the set has validation images already, or no test images
// are left.
void draw_validation_from_test(PhotoSet& set, double share, std::uint64_t seed, ImportReport& report);

// The report is filled in also when it throws. Throws UsageError where a path is needed and missing.
void import_files(const ImportRequest& request, const fs::path& out, ImportReport& report);

Json to_json(const ImportReport& report);

}  // namespace triage::data
