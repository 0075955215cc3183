#include "data/import/import_files.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "data/splits.h"

namespace triage::data {
namespace {

constexpr char kDebianFashionMnist[] = "/usr/share/datasets/fashion-mnist";  // package dataset-fashion-mnist

std::string folder_name(const fs::path& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

void write_bad_files(const fs::path& file, const ImportReport& report) {
  std::string text;
  for (const auto& bad : report.bad) text += bad.file + "\t" + bad.reason + "\n";
  write_file_atomic(file, text);
}

void say_what_validates(const PhotoSet& set, ImportReport& report) {
  const auto has = [&](Part part) { return std::ranges::count(set.files, part, &PhotoFile::part) > 0; };
  if (has(Part::test) && !has(Part::validation))
    report.notes.push_back("no validation images: runs draw them from the training images");
}

void import_photographs(const ImportRequest& request, const fs::path& out, ImportReport& report) {
  const bool folder = request.kind == "folder";
  const std::string name = !request.name.empty() ? request.name
                           : folder              ? folder_name(request.path)
                                                 : request.path.stem().string();
  try {
    PhotoSet set = folder ? scan_folder(request.path, name, request.photos, report)
                          : read_photo_list(request.path, name, request.list, request.photos, report);
    if (request.validation_from_test > 0)
      draw_validation_from_test(set, request.validation_from_test, request.photos.seed, report);
    else if (!request.photos.split)
      say_what_validates(set, report);
    import_photos(std::move(set), request.photos, out, report);
  } catch (const BadImages&) {
    if (!request.bad_files.empty()) write_bad_files(request.bad_files, report);
    throw;
  }
  if (!request.bad_files.empty()) write_bad_files(request.bad_files, report);
}

}  // namespace

void draw_validation_from_test(PhotoSet& set, double share, std::uint64_t seed, ImportReport& report) {
  std::vector<std::size_t> test;
  std::vector<Label> labels;
  std::vector<std::uint32_t> groups;
  for (std::size_t i = 0; i < set.files.size(); ++i) {
    if (set.files[i].part == Part::validation)
      fail("{}: validation images: found '{}', expected none where test images shall become some", set.name,
           set.files[i].shown);
    if (set.files[i].part != Part::test) continue;
    test.push_back(i);
    labels.push_back(set.files[i].label);
    if (set.groups > 0) groups.push_back(set.files[i].group);
  }
  const auto wanted = static_cast<std::uint64_t>(std::llround(share * static_cast<double>(test.size())));
  if (wanted == 0 || wanted >= test.size())
    fail("{}: {} of {} test images for validation: expected some, and some left", set.name, wanted, test.size());
  const DrawPart part{"validation", wanted};
  const Assignment drawn = draw_parts(labels, set.classes, groups, std::span(&part, 1), seed, set.name);
  for (std::size_t k = 0; k < test.size(); ++k) {
    if (drawn.part[k] != 0) set.files[test[k]].part = Part::validation;
  }
  report.notes.push_back(std::format("{} of {} test images, drawn: the validation images", wanted, test.size()));
  report.notes.insert(report.notes.end(), drawn.notes.begin(), drawn.notes.end());
}

void import_files(const ImportRequest& request, const fs::path& out, ImportReport& report) {
  const std::string& kind = request.kind;
  const fs::path path = request.path.empty() && kind == "fashion-mnist" ? kDebianFashionMnist : request.path;
  if (path.empty()) throw UsageError("PATH is missing: where the files of " + kind + " are");
  if (kind == "folder" || kind == "list") {
    import_photographs(request, out, report);
  } else if (kind == "idx" || kind == "fashion-mnist") {
    const std::string name = kind == "fashion-mnist" ? kind : request.name.empty() ? folder_name(path) : request.name;
    write_dataset(import_idx(path, name, request.idx, &report.notes), out);
  } else if (kind == "cifar10" || kind == "cifar100") {
    write_dataset(kind == "cifar10" ? import_cifar10(path) : import_cifar100(path), out);
  } else {
    throw UsageError("KIND: expected folder, list, idx, fashion-mnist, cifar10 or cifar100, found '" + kind + "'");
  }
}

Json to_json(const ImportReport& report) {
  Json skipped = Json::object(), bad = Json::array();
  for (const auto& [what, count] : report.not_images) skipped[what] = count;
  for (const auto& file : report.bad) bad.push_back({{"file", file.file}, {"reason", file.reason}});
  return {{"notes", report.notes}, {"skipped", skipped}, {"bad_files", bad}};
}

}  // namespace triage::data
