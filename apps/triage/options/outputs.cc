#include "apps/triage/options/outputs.h"

#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "core/system/machine.h"
#include "search/store/sql.h"

namespace triage::cli {
namespace {

std::string shown(const fs::path& path) { return path.empty() ? "." : path.string(); }

std::string writable(const fs::path& directory) {
  if (::access(directory.c_str(), W_OK | X_OK) == 0) return {};
  return std::format("expected a directory that can be written to, found {}: {}", shown(directory),
                     std::generic_category().message(errno));
}

// The directory, or where it is missing the one that it would be made in.
std::string can_hold(fs::path directory, bool make) {
  if (directory.empty()) directory = ".";
  std::error_code error;
  fs::path there = directory;
  while (make && !fs::exists(there, error) && there.has_parent_path() && there != there.parent_path())
    there = there.parent_path();
  if (make && !fs::exists(there, error)) there = ".";
  if (!fs::exists(there, error)) return std::format("expected the directory {}, found none", shown(there));
  if (!fs::is_directory(there, error)) return std::format("expected a directory, found a file: {}", shown(there));
  return writable(there);
}

std::string check_file(const fs::path& file, bool make) {
  std::error_code error;
  if (!file.has_filename() || fs::is_directory(file, error))
    return std::format("expected a file, found the directory {}", shown(file));
  if (fs::exists(file, error) && !fs::is_regular_file(file, error))
    return std::format("expected a regular file, found another kind: {}", shown(file));
  return can_hold(file.parent_path(), make);
}

void require(const std::string& problem) {
  if (!problem.empty()) throw UsageError(problem);
}

}  // namespace

std::string output_file(const std::string& path) { return check_file(path, false); }

std::string output_file_anywhere(const std::string& path) { return check_file(path, true); }

std::string output_file_or_server(const std::string& place) {
  return search::is_server(place) ? std::string() : output_file(place);
}

std::string output_directory(const std::string& path) {
  if (path.empty()) return "expected a directory, found an empty name";
  return can_hold(path, true);
}

std::string figures_file(const std::string& path) {
  std::string problem = check_file(path, false);
  if (!problem.empty() || !fs::exists(path)) return problem;
  try {
    read_figures(path);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

void require_output_file(const fs::path& path) { require(output_file(path)); }

void require_output_directory(const fs::path& path) { require(output_directory(path)); }

fs::path run_directory(const std::string& given, const std::string& name) {
  const fs::path directory = given.empty() ? fs::path("runs") / name : fs::path(given);
  require_output_directory(directory);
  return directory;
}

}  // namespace triage::cli
