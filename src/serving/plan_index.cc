#include "serving/plan_index.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace triage::serving {
namespace {

constexpr std::size_t kLongestName = 128;

bool holds_plan(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_regular_file(directory / "plan.json", ignored);
}

unsigned long long version_of(const std::string& text) {  // 0: is none
  unsigned long long version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.starts_with('0');
  return whole ? version : 0;
}

std::vector<fs::path> folders_of(const fs::path& directory) {
  std::vector<fs::path> folders;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    std::error_code ignored;
    if (entry.is_directory(ignored) && !entry.path().filename().string().starts_with('.'))
      folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  return folders;
}

PlanVersions versions_in(const fs::path& folder) {
  if (holds_plan(folder)) return {{1, folder}};
  PlanVersions versions;
  for (const fs::path& one : folders_of(folder)) {
    const unsigned long long version = version_of(one.filename().string());
    if (version > 0 && holds_plan(one)) versions.emplace(version, one);
  }
  return versions;
}

void add(PlanIndex& index, const fs::path& folder, PlanVersions versions) {
  const std::string name = folder.filename().string();
  if (!is_plan_name(name))
    fail("{}: the name of a plan: expected 1 to {} of [A-Za-z0-9._-], not beginning with a dot", folder.string(),
         kLongestName);
  const auto [known, added] = index.emplace(name, std::move(versions));
  if (!added)
    fail("{}: found a plan '{}', which is {} already", folder.string(), name, known->second.begin()->second.string());
}

}  // namespace

bool is_plan_name(const std::string& text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= kLongestName && !text.starts_with('.') && std::ranges::all_of(text, allowed);
}

PlanIndex scan_plans(const std::vector<std::string>& sources) {
  PlanIndex index;
  for (const std::string& source : sources) {
    std::error_code error;
    const fs::path directory = fs::canonical(source, error);  // names are names: no "." and no slash at the end
    if (error || !fs::is_directory(directory))
      fail("{}: no such directory; expected a plan or a directory of plans", source);
    if (holds_plan(directory)) {
      add(index, directory, {{1, directory}});
      continue;
    }
    const std::size_t before = index.size();
    for (const fs::path& folder : folders_of(directory)) {
      PlanVersions versions = versions_in(folder);
      if (!versions.empty()) add(index, folder, std::move(versions));
    }
    if (index.size() == before)
      fail("{}: found no plan.json, {}/NAME/plan.json or {}/NAME/VERSION/plan.json", source, source, source);
  }
  return index;
}

}  // namespace triage::serving
