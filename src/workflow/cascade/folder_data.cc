#include "workflow/cascade/folder_data.h"

#include <algorithm>
#include <format>

#include "core/error.h"
#include "core/text.h"
#include "data/image/image.h"
#include "data/import/import_files.h"

namespace triage::workflow {
namespace {

constexpr double kValidationFromTest = 0.5;
constexpr std::size_t kSizedImages = 64;

// In the data set's options, before which files it is of.
std::string made_as(int side) {
  return side == 0 ? "--keep-encoded of files " : std::format("--height {0} --width {0} --fit crop of files ", side);
}

// Of class folders inside, as they are split.
struct Layout {
  fs::path classes;               // the folder to import
  std::vector<data::Part> parts;  // empty: it has no splits
  bool has(data::Part part) const { return std::ranges::find(parts, part) != parts.end(); }
};

bool has_folders(const fs::path& directory) {
  return std::ranges::any_of(fs::directory_iterator(directory), [](const auto& entry) { return entry.is_directory(); });
}

// One split alone says nothing: its images are split as those of a folder without any.
Layout layout_of(const fs::path& folder) {
  Layout layout{.classes = folder, .parts = {}};
  std::size_t folders = 0;
  fs::path only;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || entry.path().filename().string().starts_with('.')) continue;
    ++folders;
    const auto part = data::part_from_name(entry.path().filename().string());
    if (!part || !has_folders(entry.path())) continue;
    layout.parts.push_back(*part);
    only = entry.path();
  }
  const bool alone = layout.parts.size() == 1 && (folders == 1 || layout.has(data::Part::train));
  return alone ? Layout{.classes = only, .parts = {}} : layout;
}

// Of the files that are to be imported, by their places, sizes and times.
std::string listing_of(const Layout& layout, const data::PhotoOptions& options) {
  data::ImportReport report;
  Sha256 sha;
  for (const data::PhotoFile& file : data::scan_folder(layout.classes, "listing", options, report).files) {
    const std::string line = std::format("{} {} {}", file.shown, fs::file_size(file.path),
                                         fs::last_write_time(file.path).time_since_epoch().count());
    sha.update(line.c_str(), line.size() + 1);
  }
  return sha.hex();
}

std::string percent_list(const std::array<double, 3>& shares) {
  return std::format("{:.0f} % for fitting, {:.0f} % for validation, {:.0f} % for test", 100 * shares[0],
                     100 * shares[1], 100 * shares[2]);
}

void say_splits(const Layout& layout, const FolderImport& how, FolderData& made) {
  if (!layout.has(data::Part::train)) {
    made.notes.push_back(std::format("{} has no splits, so its images are drawn: {}{}", layout.classes.string(),
                                     percent_list(how.drawn),
                                     how.side == 0 ? "; right only for nets that were trained on none of them" : ""));
  } else if (!layout.has(data::Part::test) || !layout.has(data::Part::validation)) {
    made.notes.push_back(std::format("half of the {} images of {} are the validation images, half the test images",
                                     layout.has(data::Part::test) ? "test" : "validation", layout.classes.string()));
  }
}

// Whether the file is there and of these files. Throws Error where it is something else.
bool is_known(const fs::path& file, const std::string& options, int side) {
  if (!fs::exists(file)) return false;
  const std::string found = data::Dataset::open(file, /*verify=*/false).info().options;
  if (found == options) return true;
  if (!found.starts_with(made_as(side)))
    fail("{}: expected an import of the folder that this command made, or no such file; found another data set",
         file.string());
  return false;
}

}  // namespace

fs::path folder_data_file(const fs::path& folder, const fs::path& out, int side) {
  const fs::path directory = fs::weakly_canonical(out).parent_path();
  const std::string name = fs::canonical(folder).filename().string();
  const std::string ending = side == 0 ? ".imported.tds" : std::format(".{}px.tds", side);
  return (directory.lexically_proximate(fs::current_path()) / (name + ending)).lexically_normal();
}

FolderData import_folder(const fs::path& folder, const fs::path& out, const FolderImport& how, const Context& context) {
  FolderData made{.file = folder_data_file(folder, out, how.side), .known = false, .notes = {}};
  const Layout layout = layout_of(folder);
  data::ImportRequest request{.kind = "folder", .path = layout.classes};
  request.name = printable_line(fs::canonical(folder).filename().string());
  request.photos.keep_encoded = how.side == 0;
  request.photos.height = request.photos.width = how.side;
  if (how.side > 0) request.photos.fit = Fit::crop;
  request.photos.context = context;
  if (!layout.has(data::Part::train))
    request.photos.split = how.drawn;
  else if (!layout.has(data::Part::test) || !layout.has(data::Part::validation))
    request.validation_from_test = kValidationFromTest;
  request.photos.text = made_as(how.side) + listing_of(layout, request.photos);
  made.known = is_known(made.file, request.photos.text, how.side);
  say_splits(layout, how, made);
  if (made.known) return made;

  fs::create_directories(fs::absolute(made.file).parent_path());
  data::ImportReport report;
  try {
    data::import_files(request, made.file, report);
  } catch (const data::BadImages&) {
    fail(
        "{}: {}: {}; found {} such files, expected none ('triage data import folder {} {} --skip-bad' leaves them out)",
        folder.string(), report.bad.front().file, report.bad.front().reason, report.bad.size(),
        shell_word(layout.classes.string()),
        how.side == 0 ? "--keep-encoded" : std::format("--height {0} --width {0} --fit crop", how.side));
  }
  std::size_t skipped = 0;
  for (const auto& [what, count] : report.not_images) skipped += count;
  if (skipped > 0)
    made.notes.push_back(std::format("{}: {} files are no images and left out", folder.string(), skipped));
  return made;
}

int median_side(const fs::path& folder) {
  const Layout layout = layout_of(folder);
  data::PhotoOptions options;
  if (!layout.has(data::Part::train)) options.split = FolderImport().drawn;
  data::ImportReport report;
  const std::vector<data::PhotoFile> files = data::scan_folder(layout.classes, "sizes", options, report).files;
  std::vector<int> sides;
  const std::size_t count = std::min(files.size(), kSizedImages);
  for (std::size_t i = 0; i < count; ++i) {
    try {
      const data::Image image = data::load_image(files[i * files.size() / count].path, {});
      sides.push_back(std::min(image.height, image.width));
    } catch (const Error&) {
      continue;  // the import names it, with all others
    }
  }
  if (sides.empty()) fail("{}: expected images in class folders, found none that can be read", folder.string());
  const auto middle = sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2);
  std::ranges::nth_element(sides, middle);
  return *middle;
}

}  // namespace triage::workflow
