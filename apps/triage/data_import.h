// triage data import: its options, and the import itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/triage/options/image_options.h"
#include "core/json.h"
#include "data/import/import.h"
#include "data/import/photos.h"

namespace triage::cli {

struct ImportArguments {
  std::string kind, path, name;
  data::PhotoOptions photos;
  data::ListOptions list;
  data::IdxOptions idx;
  ImageOptions images;
  std::string split, bad_files;
  struct Restricted {
    const CLI::Option* option;
    std::vector<std::string> kinds;  // that it is for
  };
  std::vector<Restricted> restricted;
};
void add_import_options(CLI::App& importer, ImportArguments& arguments);

// Throws UsageError where options do not fit the kind. The report is filled in also when it throws.
void run_import(ImportArguments arguments, const fs::path& out, data::ImportReport& report);

Json to_json(const data::ImportReport& report);
// Notes and what was skipped on stdout, bad files, as many as can be read, on stderr.
void print_report(const data::ImportReport& report);

}  // namespace triage::cli
