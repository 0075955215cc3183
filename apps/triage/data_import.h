// triage data import: its options.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/triage/options/image_options.h"
#include "data/import/import_files.h"

namespace triage::cli {

struct ImportArguments {
  data::ImportRequest request;
  ImageOptions images;
  std::string split, validation_from_test;
  struct Restricted {
    const CLI::Option* option;
    std::vector<std::string> kinds;  // that it is for
  };
  std::vector<Restricted> restricted;
};
void add_import_options(CLI::App& importer, ImportArguments& arguments);

// Throws UsageError where options do not fit the kind. The report is filled in also when it throws.
void run_import(const ImportArguments& arguments, const fs::path& out, data::ImportReport& report);

// Notes and what was skipped on stdout, bad files, as many as can be read, on stderr.
void print_report(const data::ImportReport& report);

}  // namespace triage::cli
