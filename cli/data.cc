// triage data: import, get, generate, info.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cli/command.h"
#include "cli/image_options.h"
#include "cli/outputs.h"
#include "core/json.h"
#include "core/progress.h"
#include "data/download.h"
#include "data/import.h"

namespace triage::cli {
namespace {

constexpr char kDebianFashionMnist[] = "/usr/share/datasets/fashion-mnist";  // package dataset-fashion-mnist

struct Arguments {
  std::string kind, path, out, name;
  data::FolderOptions folder;
  data::GeneratedOptions generated;
  ImageOptions images;
  std::string url, checksum, sheet;
  bool json = false;
};

std::string folder_name(const std::string& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

data::RawDataset import(const Arguments& arguments) {
  std::string path = arguments.path;
  if (path.empty() && arguments.kind == "fashion-mnist") path = kDebianFashionMnist;
  if (path.empty()) throw UsageError("PATH is missing: the directory that holds the " + arguments.kind + " files");
  const auto name_or = [&](const std::string& name) { return arguments.name.empty() ? name : arguments.name; };
  data::FolderOptions options = arguments.folder;
  options.fit = arguments.images.fit.value_or(Fit::squash);
  options.decode = arguments.images.decode;
  if ((options.height == 0) != (options.width == 0)) throw UsageError("--height and --width go together");
  if (arguments.kind != "folder" && (options.height != 0 || options.channels != 0)) {
    throw UsageError("--height, --width and --channels are for image folders");
  }
  for (const CLI::Option* option : arguments.images.given) {
    if (option->count() == 0) continue;
    if (arguments.kind != "folder") throw UsageError(option->get_name() + " is for image folders");
    if (option->get_name() == "--fit" && options.height == 0) throw UsageError("--fit needs --height and --width");
  }
  if (arguments.kind == "folder") return data::import_folder(path, name_or(folder_name(path)), options);
  if (arguments.kind == "idx") return data::import_idx(path, name_or(folder_name(path)));
  if (arguments.kind == "fashion-mnist") return data::import_idx(path, "fashion-mnist");
  return arguments.kind == "cifar10" ? data::import_cifar10(path) : data::import_cifar100(path);
}

struct ClassCount {
  std::uint32_t train = 0, test = 0;
};

std::vector<ClassCount> count_classes(const data::Dataset& dataset) {
  std::vector<ClassCount> counts(dataset.info().classes.size());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    ClassCount& count = counts[dataset.label(i)];
    ++(i < dataset.info().train_count ? count.train : count.test);
  }
  return counts;
}

Json describe(const data::Dataset& dataset, const std::string& path) {
  const data::DatasetInfo& info = dataset.info();
  const auto counts = count_classes(dataset);
  Json classes = Json::array();
  for (std::size_t c = 0; c < counts.size(); ++c) {
    classes.push_back({{"name", info.classes[c]}, {"train", counts[c].train}, {"test", counts[c].test}});
  }
  return {{"path", path},
          {"bytes", fs::file_size(path)},
          {"name", info.name},
          {"source", info.source},
          {"channels", info.channels},
          {"height", info.height},
          {"width", info.width},
          {"fit", fit_name(info.fit)},
          {"train_count", info.train_count},
          {"test_count", info.test_count},
          {"classes", classes},
          {"sha256", info.sha256},
          {"checksum", "verified"}};
}

// Opens the file, which checks all of it, and tells what is in it.
void show(const std::string& path, bool json) {
  const data::Dataset dataset = data::Dataset::open(path);
  const data::DatasetInfo& info = dataset.info();
  if (json) {
    std::cout << dump_json(describe(dataset, path), 2) << '\n';
    return;
  }
  std::printf("%s: %s, %u training and %u test images of %dx%dx%d, %zu classes\n", path.c_str(), info.name.c_str(),
              info.train_count, info.test_count, info.height, info.width, info.channels, info.classes.size());
  std::printf("source: %s\nsha256: %s (verified)\n", info.source.c_str(), info.sha256.c_str());
  const auto counts = count_classes(dataset);
  std::printf("%5s  %-20s %8s %8s\n", "label", "class", "train", "test");
  for (std::size_t c = 0; c < counts.size(); ++c) {
    std::printf("%5zu  %-20s %8u %8u\n", c, info.classes[c].c_str(), counts[c].train, counts[c].test);
  }
}

// The first images of each class side by side, one class a row.
void write_sheet(const std::string& dataset_path, const std::string& png_path) {
  constexpr int kColumns = 12;
  const data::Dataset dataset = data::Dataset::open(dataset_path);
  const data::DatasetInfo& info = dataset.info();
  const std::size_t row_bytes = static_cast<std::size_t>(info.width) * info.channels;
  const auto rows = static_cast<int>(info.classes.size());
  data::Image sheet{rows * info.height, kColumns * info.width, info.channels, {}};
  sheet.pixels.resize(row_bytes * kColumns * static_cast<std::size_t>(sheet.height), 255);
  std::vector<int> used(info.classes.size());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    const std::size_t label = dataset.label(i);
    if (used[label] == kColumns) continue;
    const std::size_t column = static_cast<std::size_t>(used[label]++);
    for (int y = 0; y < info.height; ++y) {
      const std::size_t row = label * info.height + y;
      std::copy_n(dataset.image(i) + y * row_bytes, row_bytes, &sheet.pixels[(row * kColumns + column) * row_bytes]);
    }
  }
  const auto png = data::encode_png(sheet);
  write_file_atomic(png_path, {reinterpret_cast<const char*>(png.data()), png.size()});
}

void add_out(CLI::App& command, Arguments& arguments) {
  command.add_option("--out", arguments.out, "the data set file to write")->required()->check(output_file_anywhere);
  command.add_flag("--json", arguments.json, "for machines");
}

}  // namespace

int data_command(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Imports, downloads, generates or inspects a data set", "triage data"};
  app.require_subcommand(1);
  app.footer("Example: triage data import folder photos --height 32 --width 32 --out photos.tds");

  CLI::App& importer = *app.add_subcommand("import", "Turns files into one data set file");
  importer.add_option("KIND", arguments.kind, "cifar10, cifar100 (official binary files), idx, fashion-mnist, folder")
      ->required()
      ->check(CLI::IsMember({"cifar10", "cifar100", "idx", "fashion-mnist", "folder"}));
  importer.add_option("PATH", arguments.path, "directory with the files; fashion-mnist: default is Debian's package");
  importer.add_option("--name", arguments.name, "of the data set (idx, folder); default: the directory's");
  importer.add_option("--height", arguments.folder.height, "resize to this height (folder)")
      ->check(CLI::Range(1, 8192));
  importer.add_option("--width", arguments.folder.width, "resize to this width (folder)")->check(CLI::Range(1, 8192));
  importer.add_option("--channels", arguments.folder.channels, "1 or 3; default: 1 when every image is grey (folder)")
      ->check(CLI::IsMember({1, 3}));
  add_image_options(importer, arguments.images, "squash");
  add_out(importer, arguments);
  importer.footer(
      "An image folder is PATH/{train,test}/CLASS/FILE.\n"
      "Example: triage data import cifar10 cifar-10-batches-bin --out data/cifar10.tds");

  CLI::App& get = *app.add_subcommand("get", "Downloads a data set from its official site and imports it");
  get.add_option("NAME", arguments.name, "cifar10 or cifar100")
      ->required()
      ->check(CLI::IsMember({"cifar10", "cifar100"}));
  get.add_option("--url", arguments.url, "another place of the same archive");
  get.add_option("--checksum", arguments.checksum, "md5:HEX or sha256:HEX of the archive instead of the published one");
  add_out(get, arguments);
  get.footer(
      "A broken download goes on where it stopped when the command is given again.\n"
      "Example: triage data get cifar10 --out data/cifar10.tds");

  auto& generated = arguments.generated;
  CLI::App& generate = *app.add_subcommand("generate", "Makes a small set of coloured shapes, for tests");
  generate.add_option("--classes", generated.classes, "2 to 8")->capture_default_str();
  generate.add_option("--channels", generated.channels, "1 or 3")->capture_default_str();
  generate.add_option("--height", generated.height, "pixels")->capture_default_str();
  generate.add_option("--width", generated.width, "pixels")->capture_default_str();
  generate.add_option("--train", generated.train_count, "training images")->capture_default_str();
  generate.add_option("--test", generated.test_count, "test images")->capture_default_str();
  generate.add_option("--noise", generated.noise, "standard deviation, of 1 for the full range")->capture_default_str();
  generate.add_option("--seed", generated.seed, "the same seed gives the same images")->capture_default_str();
  add_out(generate, arguments);
  generate.footer("Example: triage data generate --train 2000 --out shapes.tds");

  CLI::App& info = *app.add_subcommand("info", "Checks a data set file and tells what is in it");
  info.add_option("FILE", arguments.path, "data set file")->required();
  info.add_option("--sheet", arguments.sheet, "write a PNG with the first images of each class")->check(output_file);
  info.add_flag("--json", arguments.json, "for machines");
  info.footer("Example: triage data info data/cifar10.tds --sheet cifar10.png");

  if (!parse_arguments(app, argc, argv)) return 0;
  install_stop_handler();
  if (arguments.json) Progress::set_quiet(true);
  if (info.parsed()) {
    show(arguments.path, arguments.json);
    if (!arguments.sheet.empty()) write_sheet(arguments.path, arguments.sheet);
    return 0;
  }
  if (const fs::path place = fs::path(arguments.out).parent_path(); !place.empty()) fs::create_directories(place);
  if (importer.parsed()) data::write_dataset(import(arguments), arguments.out);
  if (generate.parsed()) data::write_dataset(data::generate(generated), arguments.out);
  if (get.parsed()) {
    data::DownloadSource source = data::official_source(arguments.name);
    if (!arguments.url.empty()) source.url = arguments.url;
    if (!arguments.checksum.empty()) source.checksum = arguments.checksum;
    data::get_dataset(arguments.name, source, arguments.out);
  }
  show(arguments.out, arguments.json);
  return 0;
}

}  // namespace triage::cli
