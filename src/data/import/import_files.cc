#include "data/import/import_files.h"

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

void import_photographs(const ImportRequest& request, const fs::path& out, ImportReport& report) {
  const bool folder = request.kind == "folder";
  const std::string name = !request.name.empty() ? request.name
                           : folder              ? folder_name(request.path)
                                                 : request.path.stem().string();
  try {
    import_photos(folder ? scan_folder(request.path, name, request.photos, report)
                         : read_photo_list(request.path, name, request.list, request.photos, report),
                  request.photos, out, report);
  } catch (const BadImages&) {
    if (!request.bad_files.empty()) write_bad_files(request.bad_files, report);
    throw;
  }
  if (!request.bad_files.empty()) write_bad_files(request.bad_files, report);
}

}  // namespace

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
