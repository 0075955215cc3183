// Map: what a directory entry is; the layout (splits over classes, or classes alone); the files of a class; groups.
#include <algorithm>
#include <cctype>
#include <map>
#include <regex>

#include "core/error.h"
#include "core/text.h"
#include "data/import/photos.h"
#include "data/import/photos/photo_groups.h"
#include "data/store/dataset_format.h"

namespace triage::data {
namespace {

std::string shown(const fs::path& path) { return printable_line(path.string()); }

struct Entries {
  std::vector<fs::path> files, folders;  // by name
};

// Counts what is no image by its kind alone; links are followed, so that a set may be made of links.
Entries list(const fs::path& directory, ImportReport& report) {
  Entries entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const bool folder = it->is_directory(ignored);
    if (name.starts_with('.') || name == "__MACOSX" || name == "@eaDir") {
      ++report.not_images[folder ? "hidden folder" : "hidden file"];
    } else if (folder) {
      entries.folders.push_back(it->path());
    } else if (it->is_regular_file(ignored)) {
      entries.files.push_back(it->path());
    } else {
      ++report.not_images[it->is_symlink(ignored) ? "link to nothing" : "neither a file nor a folder"];
    }
  }
  if (error) fail("{}: cannot list: {}", shown(directory), error.message());
  std::ranges::sort(entries.files);
  std::ranges::sort(entries.folders);
  return entries;
}

// The folder itself and all below it. A link to a folder above would go round for ever: those in a class are left.
void list_tree(const fs::path& directory, std::vector<fs::path>& files, ImportReport& report) {
  const Entries entries = list(directory, report);
  files.insert(files.end(), entries.files.begin(), entries.files.end());
  for (const fs::path& folder : entries.folders) {
    if (fs::is_symlink(folder)) {
      ++report.not_images["link to a folder inside a class"];
    } else {
      list_tree(folder, files, report);
    }
  }
}

using SplitFolders = std::map<Part, fs::path>;

const char* part_text(Part part) {
  return part == Part::train ? "training" : part == Part::validation ? "validation" : "test";
}

// The split folders, where the set has them. A class may be called "train" (bus, car, train): with folders in it that
// are no classes of its own, all are classes.
SplitFolders find_splits(const fs::path& directory, const Entries& entries, ImportReport& report) {
  SplitFolders splits;
  std::vector<std::string> others;
  for (const fs::path& folder : entries.folders) {
    const std::optional<Part> part = part_from_name(folder.filename().string());
    if (!part) {
      others.push_back(shown(folder.filename()));
      continue;
    }
    const auto [known, added] = splits.emplace(*part, folder);
    if (!added) {
      fail("{}: both {} and {} are {} images, expected one of them", shown(directory), shown(known->second.filename()),
           shown(folder.filename()), part_text(*part));
    }
  }
  ImportReport ignored;
  const bool holds_classes = splits.contains(Part::train) && !list(splits[Part::train], ignored).folders.empty();
  if (!holds_classes) {
    if (!splits.contains(Part::train) && splits.size() == entries.folders.size() && !splits.empty()) {
      fail("{}: expected a folder train beside {}, found none", shown(directory),
           shown(splits.begin()->second.filename()));
    }
    if (splits.contains(Part::train) && splits.size() == entries.folders.size()) {
      fail("{}: no class folders, expected one per class", shown(splits[Part::train]));
    }
    return {};
  }
  for (const std::string& other : others) report.notes.push_back(other + ": neither train, test nor val: not read");
  return splits;
}

// Class folders by the names that people see; two that look the same are refused.
std::map<std::string, fs::path> class_folders(const fs::path& parent, const std::vector<fs::path>& folders) {
  std::map<std::string, fs::path> classes;
  for (const fs::path& folder : folders) {
    const std::string name = shown(folder.filename());
    const auto [known, added] = classes.emplace(name, folder);
    if (!added) fail("{}: two class folders have the printable name '{}'; rename one of them", shown(parent), name);
  }
  return classes;
}

class Scan {
 public:
  Scan(const fs::path& directory, const PhotoOptions& options, ImportReport& report)
      : directory_(directory), groups_(options.group_by), report_(report) {}

  // train first: its classes are the set's.
  void add(Part part, const fs::path& parent, const std::vector<fs::path>& folders, PhotoSet& set) {
    const auto classes = class_folders(parent, folders);
    if (part == Part::train) {
      if (classes.empty()) fail("{}: no class folders, expected one per class", shown(parent));
      if (classes.size() > kMaxDatasetClasses) {
        fail("{}: {} class folders, expected at most {}", shown(parent), classes.size(), kMaxDatasetClasses);
      }
      for (const auto& [name, folder] : classes) set.classes.push_back(name);
    }
    for (const auto& [name, folder] : classes) {
      const auto found = std::ranges::lower_bound(set.classes, name);
      if (found == set.classes.end() || *found != name) {
        fail("{}: class {} is not among the training images", shown(parent), name);
      }
      std::vector<fs::path> files;
      list_tree(folder, files, report_);
      if (files.empty() && part == Part::train) fail("{}: class without images, expected at least one", shown(folder));
      for (const fs::path& file : files) {
        const std::string within = file.lexically_relative(parent).string();
        PhotoFile photo{file.string(), shown(file.lexically_relative(directory_)),
                        static_cast<Label>(found - set.classes.begin()), part, 0};
        photo.group = groups_.of(within);
        set.files.push_back(std::move(photo));
      }
    }
    set.groups = groups_.count();
  }

 private:
  const fs::path& directory_;
  GroupNames groups_;
  ImportReport& report_;
};

}  // namespace

std::optional<Part> part_from_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "train" || lower == "training") return Part::train;
  if (lower == "val" || lower == "valid" || lower == "validation") return Part::validation;
  if (lower == "test" || lower == "testing") return Part::test;
  return std::nullopt;
}

PhotoSet scan_folder(const fs::path& directory, const std::string& name, const PhotoOptions& options,
                     ImportReport& report) {
  if (!fs::is_directory(directory)) fail("{}: no such directory, expected class folders in it", shown(directory));
  PhotoSet set;
  set.name = printable_line(name);
  set.source = "image folder " + shown((fs::absolute(directory) / "").lexically_normal().parent_path().filename());
  const Entries top = list(directory, report);
  if (!top.files.empty()) report.not_images["file beside the folders"] += top.files.size();
  const SplitFolders splits = find_splits(directory, top, report);
  Scan scan(directory, options, report);
  if (splits.empty()) {
    if (top.folders.empty()) fail("{}: no class folders, expected one per class", shown(directory));
    if (!options.split) {
      fail("{}: class folders without splits: expected train and test folders with these in them, or --split 80/10/10",
           shown(directory));
    }
    scan.add(Part::train, directory, top.folders, set);
    return set;
  }
  const bool val_alone = splits.contains(Part::validation) && !splits.contains(Part::test);
  for (const auto& [part, folder] : splits) {
    const Part taken = val_alone && part == Part::validation ? Part::test : part;
    scan.add(taken, folder, list(folder, report).folders, set);
  }
  if (options.split && splits.size() > 1) {
    fail("{}: --split: expected a set without splits of its own, found {} beside {}", shown(directory),
         shown(std::next(splits.begin())->second.filename()), shown(splits.at(Part::train).filename()));
  }
  if (val_alone) {
    report.notes.push_back(shown(splits.at(Part::validation).filename()) +
                           ": taken as the test images, since there are no others");
  } else if (splits.contains(Part::validation)) {
    report.notes.push_back(shown(splits.at(Part::validation).filename()) + ": the validation split of runs");
  }
  if (splits.size() == 1 && !options.split) {
    report.notes.push_back("no test images: plans cannot be evaluated on them; --split 80/10/10 sets some aside");
  }
  return set;
}

}  // namespace triage::data
