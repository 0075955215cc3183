// Where a command writes is looked at before it reads or computes anything. A file's directory must be there; run
// directories, plan directories and the places of data sets are made, with their parents.
#pragma once

#include "core/files/file.h"

namespace triage::cli {

// For CLI11's ->check(): what is wrong, or nothing.
std::string output_file(const std::string& path);
std::string output_file_anywhere(const std::string& path);    // its directory is made
std::string output_file_or_server(const std::string& place);  // a server is asked when it is opened
std::string output_directory(const std::string& path);
std::string figures_file(const std::string& path);  // what is there can take figures

// The same for what no option says: a default, or a place in a run. Throws UsageError.
void require_output_file(const fs::path& path);
void require_output_directory(const fs::path& path);

// Of --run, where it was given, else runs/NAME. Throws UsageError where it cannot be written to.
fs::path run_directory(const std::string& given, const std::string& name);

}  // namespace triage::cli
