// Numbers for the names of groups of images.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <string>

#include "core/error.h"
#include "core/text.h"

namespace triage::data {

class GroupNames {
 public:
  // pattern: PhotoOptions::group_by; empty: of() is 0 always, and count() too. Throws UsageError.
  explicit GroupNames(const std::string& pattern) {
    if (pattern.empty()) return;
    try {
      pattern_.emplace(pattern);
    } catch (const std::regex_error& error) {
      throw UsageError(
          std::format("--group-by '{}': not a regular expression: {}", printable_line(pattern), error.what()));
    }
    if (pattern_->mark_count() == 0) {
      throw UsageError(std::format("--group-by '{}': expected a capture such as (.*)_", printable_line(pattern)));
    }
  }

  std::uint32_t of(const std::string& file) {
    if (!pattern_) return 0;
    std::smatch match;
    if (!std::regex_search(file, match, *pattern_)) {
      fail("{}: --group-by does not match, expected it to match every CLASS/FILE", printable_line(file));
    }
    std::string name;
    for (std::size_t i = 1; i < match.size(); ++i) name += match[i].str() + '\0';
    return named(name);
  }

  std::uint32_t named(const std::string& name) {
    return groups_.emplace(name, static_cast<std::uint32_t>(groups_.size())).first->second;
  }
  std::uint32_t count() const { return static_cast<std::uint32_t>(groups_.size()); }

 private:
  std::optional<std::regex> pattern_;
  std::map<std::string, std::uint32_t> groups_;
};

}  // namespace triage::data
