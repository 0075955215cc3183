#include "core/system/system_text.h"

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/files/file.h"

namespace triage {
namespace {

std::string trimmed(std::string text) {
  const auto space = [](unsigned char c) { return c <= ' '; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  return text;
}

}  // namespace

std::string system_text(const char* path) {
  try {
    return trimmed(read_file(path));
  } catch (const Error&) {
    return {};
  }
}

std::string system_field(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && trimmed(line.substr(0, colon)) == key) return trimmed(line.substr(colon + 1));
  }
  return {};
}

}  // namespace triage
