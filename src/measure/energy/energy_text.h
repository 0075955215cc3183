// Small files and texts that energy sources are read from. All throw Error naming the file, found and expected.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file.h"

namespace triage::measure {

std::optional<double> finite_number(std::string_view text);  // the whole text, without spaces around; else none

std::string first_line(const fs::path& file);                 // without the spaces at its end
double number_in(const fs::path& file);                       // of 0 or more
std::vector<int> cpu_list(const fs::path& file);              // "0,28" or "0-3"; at least one
std::vector<fs::path> entries_of(const fs::path& directory);  // sorted by name

// What a shell command prints. Its error output is dropped; the status must be 0.
std::string output_of(const std::string& command);

}  // namespace triage::measure
