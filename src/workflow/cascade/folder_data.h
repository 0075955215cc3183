// Folders of images as the data set of a command that takes an imported one.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/files/file.h"

namespace triage::workflow {

struct FolderData {
  fs::path file;                   // the imported data set
  bool known = false;              // it was there: of the same files as now
  std::vector<std::string> notes;  // what a person should know: how the images are split, ...
};

struct FolderImport {
  int side = 0;  // 0: an encoded set, which keeps the images as they are, of any size; else squares, their middles
  // Training, validation, test images of a folder without splits. The default: for nets that are trained already.
  std::array<double, 3> drawn{0.4, 0.3, 0.3};
};

// FOLDER.imported.tds (FOLDER.128px.tds) beside `out`, for the folder's name.
fs::path folder_data_file(const fs::path& folder, const fs::path& out, int side = 0);

// Class folders, alone or in folders train, val and test, as a data set at folder_data_file(). What is there is taken
// again where the folder has the same files, by their names, sizes and times; an import that was stopped goes on. With
// test images and no validation images (or the other way round) half of those become what is missing.
// Throws Error naming images that cannot be read, or a file in that place that this has not made; Interrupted.
FolderData import_folder(const fs::path& folder, const fs::path& out, const FolderImport& how, const Context& context);

// Of some images of it, all over the folder: the median of their shorter sides, in pixels. Throws Error where there is
// no image.
int median_side(const fs::path& folder);

}  // namespace triage::workflow
