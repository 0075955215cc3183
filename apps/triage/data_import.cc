#include "apps/triage/data_import.h"

#include <algorithm>
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "core/text.h"

namespace triage::cli {
namespace {

constexpr std::size_t kShownFiles = 20;

// "folder and list".
std::string kinds_text(const std::vector<std::string>& kinds) {
  std::string text;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    text += (i == 0 ? "" : i + 1 < kinds.size() ? ", " : " and ") + kinds[i];
  }
  return text;
}

// The options that were given and decide what is in the data set, as they were given.
std::string given_options(const ImportArguments& arguments) {
  std::string text;
  for (const auto& [option, kinds] : arguments.restricted) {
    const std::string name = option->get_name();
    if (option->count() == 0 || name == "--name" || name == "--threads" || name == "--bad-files") continue;
    text += (text.empty() ? "" : " ") + name;
    if (option->get_items_expected_max() == 0) continue;  // a flag
    for (const std::string& value : option->results()) text += " " + value;
  }
  return text;
}

}  // namespace

void add_import_options(CLI::App& importer, ImportArguments& arguments) {
  importer
      .add_option("KIND", arguments.request.kind,
                  "folder, list (CSV), idx, fashion-mnist, cifar10, cifar100 (official binary files)")
      ->required()
      ->check(CLI::IsMember({"cifar10", "cifar100", "idx", "fashion-mnist", "folder", "list"}));
  importer.add_option("PATH", arguments.request.path,
                      "directory with the files, or the list; fashion-mnist: default is Debian's package");
  const auto restrict = [&arguments](CLI::Option* option, std::vector<std::string> kinds) {
    arguments.restricted.push_back({option, std::move(kinds)});
    return option;
  };
  const std::vector<std::string> photos = {"folder", "list"}, list = {"list"}, idx = {"idx"};
  restrict(
      importer.add_option("--name", arguments.request.name, "of the data set; default: the directory's or the list's"),
      {"folder", "list", "idx"});
  restrict(
      importer.add_option("--height", arguments.request.photos.height, "bring images to this height (folder, list)"),
      photos)
      ->check(CLI::Range(1, 8192));
  restrict(importer.add_option("--width", arguments.request.photos.width, "bring images to this width (folder, list)"),
           photos)
      ->check(CLI::Range(1, 8192));
  restrict(importer.add_flag("--keep-encoded", arguments.request.photos.keep_encoded,
                             "keep the files as they are (JPEG, PNG, ...), of any size, instead of pixels of one size: "
                             "for networks that bring their own preprocessing (folder, list)"),
           photos);
  restrict(importer.add_option("--channels", arguments.request.photos.channels,
                               "1 or 3; default: 1 when every image is grey (folder, list)"),
           photos)
      ->check(CLI::IsMember({1, 3}));
  add_image_options(importer, arguments.images, "squash");
  for (const CLI::Option* option : arguments.images.given) arguments.restricted.push_back({option, photos});
  restrict(importer.add_option("--split", arguments.split,
                               "train/validation/test or train/test in percent, such as 80/10/10, for a set without "
                               "splits: drawn in each class (folder, list)"),
           photos);
  restrict(importer.add_option("--validation-from-test", arguments.validation_from_test,
                               "share of the test images, such as 50%, that become the set's validation images: for "
                               "networks that were trained on all training images (folder, list)"),
           photos);
  restrict(importer.add_option("--seed", arguments.request.photos.seed,
                               "of --split and --validation-from-test (folder, list)"),
           photos)
      ->capture_default_str();
  restrict(importer.add_option("--group-by", arguments.request.photos.group_by,
                               "regular expression searched in CLASS/FILE (list: in the file's name): images with the "
                               "same captures, such as frames of one track, are never parted (folder, list)"),
           photos);
  restrict(importer.add_flag("--skip-bad", arguments.request.photos.skip_bad,
                             "leave images out that cannot be read; they are recorded (folder, list)"),
           photos);
  restrict(importer.add_option("--bad-files", arguments.request.bad_files,
                               "write all unreadable files and why (folder, list)"),
           photos)
      ->check(output_file);
  restrict(
      importer.add_option("--threads", arguments.request.photos.threads, "that decode; 0: all cores (folder, list)"),
      photos)
      ->check(CLI::Range(0, 1024));
  restrict(importer.add_option("--file-column", arguments.request.list.file_column, "its name or number from 1 (list)"),
           list);
  restrict(importer.add_option("--label-column", arguments.request.list.label_column, "(list)"), list);
  restrict(importer.add_option("--split-column", arguments.request.list.split_column,
                               "train, test or val in each row (list)"),
           list);
  restrict(importer.add_option("--group-column", arguments.request.list.group_column,
                               "images of one group are never parted (list)"),
           list);
  restrict(importer.add_option("--images", arguments.request.list.images,
                               "where the files are; default: beside the list (list)"),
           list);
  restrict(importer.add_option("--test-list", arguments.request.list.test, "a second list, of the test images (list)"),
           list);
  restrict(importer.add_option("--set", arguments.request.idx.set, "which of several, such as letters of EMNIST (idx)"),
           idx);
  restrict(importer.add_flag("--transpose", arguments.request.idx.transpose, "rows are columns, as in EMNIST (idx)"),
           idx);
  restrict(importer.add_option_function<int>(
               "--label-base", [&arguments](int base) { arguments.request.idx.label_base = base; },
               "the first label, 0 or 1; default: 1 where no label is 0 (idx)"),
           idx)
      ->check(CLI::Range(0, 1));
}

void run_import(const ImportArguments& arguments, const fs::path& out, data::ImportReport& report) {
  data::ImportRequest request = arguments.request;
  const std::string& kind = request.kind;
  for (const auto& [option, kinds] : arguments.restricted) {
    if (option->count() > 0 && std::ranges::find(kinds, kind) == kinds.end()) {
      throw UsageError(option->get_name() + " is for " + kinds_text(kinds) + ", not for " + kind);
    }
  }
  data::PhotoOptions& photos = request.photos;
  if (kind == "folder" || kind == "list") {
    if ((photos.height == 0) != (photos.width == 0)) throw UsageError("--height and --width go together");
    if (photos.keep_encoded && photos.height > 0) {
      throw UsageError("--keep-encoded keeps images of any size: expected no --height and --width");
    }
    if (arguments.images.fit && photos.height == 0) throw UsageError("--fit needs --height and --width");
  }
  photos.fit = arguments.images.fit.value_or(Fit::squash);
  photos.decode = arguments.images.decode;
  if (!arguments.split.empty()) photos.split = data::parse_split_shares(arguments.split);
  if (!arguments.validation_from_test.empty())
    request.validation_from_test = parse_share("--validation-from-test", arguments.validation_from_test);
  photos.text = given_options(arguments);
  data::import_files(request, out, report);
}

void print_report(const data::ImportReport& report) {
  for (const std::string& note : report.notes) std::printf("%s\n", note.c_str());
  std::string skipped;
  for (const auto& [what, count] : report.not_images)
    skipped += std::format("{}{} x {}", skipped.empty() ? "" : ", ", count, what);
  if (!skipped.empty()) std::printf("skipped, no images: %s\n", skipped.c_str());
  std::fflush(stdout);
  for (std::size_t i = 0; i < std::min(kShownFiles, report.bad.size()); ++i) {
    std::fprintf(stderr, "%s: %s\n", report.bad[i].file.c_str(), report.bad[i].reason.c_str());
  }
  if (report.bad.size() > kShownFiles) {
    std::fprintf(stderr, "... and %zu more; --json and --bad-files FILE have all\n", report.bad.size() - kShownFiles);
  }
}

}  // namespace triage::cli
