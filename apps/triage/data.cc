// triage data: import, get, generate, info.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "apps/triage/data_import.h"
#include "apps/triage/options/outputs.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/json.h"
#include "core/text.h"
#include "data/contact_sheet.h"
#include "data/image/image.h"
#include "data/import/download.h"
#include "data/import/import.h"

namespace triage::cli {
namespace {

struct Arguments {
  std::string path, out, name;
  ImportArguments import;
  data::GeneratedOptions generated;
  std::string url, checksum, sheet;
  bool json = false;
};

struct ClassCount {
  std::uint32_t train = 0, validation = 0, test = 0;
};

std::vector<ClassCount> count_classes(const data::Dataset& dataset) {
  std::vector<ClassCount> counts(dataset.info().classes.size());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) {
    ClassCount& count = counts[dataset.label(i)];
    const data::DatasetInfo& info = dataset.info();
    ++(i < info.train_count ? count.train : i < info.test_first() ? count.validation : count.test);
  }
  return counts;
}

Json describe(const data::Dataset& dataset, const std::string& path) {
  const data::DatasetInfo& info = dataset.info();
  const auto counts = count_classes(dataset);
  Json classes = Json::array();
  for (std::size_t c = 0; c < counts.size(); ++c) {
    classes.push_back({{"name", info.classes[c]},
                       {"train", counts[c].train},
                       {"validation", counts[c].validation},
                       {"test", counts[c].test}});
  }
  return {{"path", path},
          {"bytes", fs::file_size(path)},
          {"name", info.name},
          {"source", info.source},
          {"options", info.options},
          {"channels", info.channels},
          {"height", info.height},
          {"width", info.width},
          {"encoded", info.encoded},
          {"fit", fit_name(info.fit)},
          {"train_count", info.train_count},
          {"validation_count", info.validation_count},
          {"test_count", info.test_count},
          {"groups", info.groups},
          {"left_out", info.left_out},
          {"left_out_names", info.left_out_names},
          {"classes", classes},
          {"sha256", info.sha256},
          {"checksum", "verified"}};
}

void print_info(const data::Dataset& dataset, const std::string& path) {
  const data::DatasetInfo& info = dataset.info();
  const bool own = info.validation_count > 0;
  const std::string size =
      info.encoded ? std::format("any size and {} channel{}, encoded", info.channels, info.channels == 1 ? "" : "s")
                   : std::format("{}x{}x{}", info.height, info.width, info.channels);
  std::printf("%s: %s, %u training%s%u test images of %s, %zu classes\n", printable_line(path).c_str(),
              printable_line(info.name).c_str(), info.train_count,
              own ? std::format(", {} validation and ", info.validation_count).c_str() : " and ", info.test_count,
              size.c_str(), info.classes.size());
  std::printf("source: %s%s\nsha256: %s (verified)\n", printable_line(info.source).c_str(),
              (info.options.empty() ? "" : " with " + info.options).c_str(), info.sha256.c_str());
  if (info.groups > 0) std::printf("groups: %u, never parted\n", info.groups);
  if (info.left_out > 0) {
    std::printf("left out, unreadable: %llu: %s%s\n", static_cast<unsigned long long>(info.left_out),
                joined(info.left_out_names).c_str(), info.left_out > info.left_out_names.size() ? ", ..." : "");
  }
  const auto counts = count_classes(dataset);
  const auto row = [own](const std::string& label, const std::string& name, const std::string& train,
                         const std::string& validation, const std::string& test) {
    std::printf("%5s  %-20s %8s", label.c_str(), name.c_str(), train.c_str());
    if (own) std::printf(" %10s", validation.c_str());
    std::printf(" %8s\n", test.c_str());
  };
  row("label", "class", "train", "validation", "test");
  for (std::size_t c = 0; c < counts.size(); ++c) {
    row(std::to_string(c), printable_line(info.classes[c]), std::to_string(counts[c].train),
        std::to_string(counts[c].validation), std::to_string(counts[c].test));
  }
}

// Opens the file, which checks all of it, and tells what is in it; report: of the import that just made it.
void show(const std::string& path, bool json, const data::ImportReport* report = nullptr) {
  const data::Dataset dataset = data::Dataset::open(path);
  dataset.verify_images();
  if (json) {
    Json out = describe(dataset, path);
    if (report) out["import"] = to_json(*report);
    std::cout << dump_json(out, 2) << '\n';
    return;
  }
  print_info(dataset, path);
  if (report) print_report(*report);
}

void import(const Arguments& arguments) {
  data::ImportReport report;
  try {
    run_import(arguments.import, arguments.out, report);
  } catch (const data::BadImages& error) {
    if (arguments.json) {
      std::cout << dump_json({{"error", error.what()}, {"import", to_json(report)}}, 2) << std::endl;
    } else {
      print_report(report);
    }
    throw;
  }
  show(arguments.out, arguments.json, &report);
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
  add_import_options(importer, arguments.import);
  add_out(importer, arguments);
  importer.footer(
      "An image folder is PATH/{train,test,val}/CLASS/FILE, or PATH/CLASS/FILE with --split 80/10/10.\n"
      "--keep-encoded keeps photographs of any size as they are; training needs --height and --width instead.\n"
      "Example: triage data import folder photos --height 32 --width 32 --split 80/10/10 --out data/photos.tds");

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
  const Context context = stoppable(arguments.json);
  if (info.parsed()) {
    show(arguments.path, arguments.json);
    if (!arguments.sheet.empty()) {
      const auto png = data::encode_png(data::contact_sheet(data::Dataset::open(arguments.path)));
      write_file_atomic(arguments.sheet, {reinterpret_cast<const char*>(png.data()), png.size()});
    }
    return 0;
  }
  if (const fs::path place = fs::path(arguments.out).parent_path(); !place.empty()) fs::create_directories(place);
  if (importer.parsed()) {
    arguments.import.request.photos.context = context;
    import(arguments);
    return 0;
  }
  if (generate.parsed()) data::write_dataset(data::generate(generated), arguments.out);
  if (get.parsed()) {
    data::DownloadSource source = data::official_source(arguments.name);
    if (!arguments.url.empty()) source.url = arguments.url;
    if (!arguments.checksum.empty()) source.checksum = arguments.checksum;
    data::get_dataset(arguments.name, source, arguments.out, {.context = context});
  }
  show(arguments.out, arguments.json);
  return 0;
}

}  // namespace triage::cli
