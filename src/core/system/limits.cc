// Map: Group finds the directories of this process's control groups, the limits are the least that any of them says.
#include "core/system/limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <format>
#include <optional>
#include <sstream>
#include <vector>

#include "core/error.h"

namespace triage {
namespace {

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;  // version 1 says "none" with a number about this large

// The content of a small file of the system, empty where there is none.
std::string small_file(const fs::path& path) {
  try {
    return read_file(path);
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> words(const std::string& text, char separator) {
  std::vector<std::string> list;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, separator);)
    if (!word.empty()) list.push_back(word);
  return list;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

// mountinfo writes space, tab, newline and backslash as \040 and the like.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool code = text[i] == '\\' && i + 3 < text.size();
    plain += code ? static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8)) : text[i];
    if (code) i += 3;
  }
  return plain;
}

struct Group {
  std::vector<fs::path> directories;  // the process's own and those above it, as the system names them
  bool second = false;                // version
};

// A line of mountinfo: id, parent, device, root, place, options, ..., "-", type, source, options of the type.
std::optional<Group> group_of_mount(const std::string& line, const std::string& controller,
                                    const std::string& memberships) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string::npos) return std::nullopt;
  const std::vector<std::string> mount = words(line.substr(0, dash), ' '), type = words(line.substr(dash + 3), ' ');
  if (mount.size() < 5 || type.empty()) return std::nullopt;
  const bool second = type[0] == "cgroup2";
  if (!second && (type[0] != "cgroup" || !contains(words(type.back(), ','), controller))) return std::nullopt;

  std::string path;  // of the process, in the hierarchy: the lines are "id:controllers:path"
  for (const std::string& membership : words(memberships, '\n')) {
    const std::size_t first = membership.find(':'), next = membership.find(':', first + 1);
    if (first == std::string::npos || next == std::string::npos) continue;
    const std::string controllers = membership.substr(first + 1, next - first - 1);
    if (second ? controllers.empty() : contains(words(controllers, ','), controller))
      path = membership.substr(next + 1);
  }
  const std::string root = unescaped(mount[3]);  // of the hierarchy, what is mounted
  if (root != "/") path = path.starts_with(root) ? path.substr(root.size()) : "";

  Group group{{}, second};
  const fs::path place = unescaped(mount[4]);
  for (fs::path below = fs::path(path).relative_path(); !below.empty(); below = below.parent_path())
    group.directories.push_back(place / below);
  group.directories.push_back(place);
  return group;
}

// A system may have the controller in either version, and mount both.
std::vector<Group> groups(const std::string& controller, const fs::path& root) {
  const std::string memberships = small_file(root / "proc/self/cgroup");
  std::vector<Group> found;
  for (const std::string& line : words(small_file(root / "proc/self/mountinfo"), '\n'))
    if (auto group = group_of_mount(line, controller, memberships)) found.push_back(std::move(*group));
  return found;
}

fs::path below(const fs::path& root, const fs::path& absolute) { return root / absolute.relative_path(); }

// Of the first line of a file: the number there; nothing for "max", no file or no number.
std::optional<double> number_in(const fs::path& file, std::size_t index = 0) {
  const std::string text = small_file(file);
  const std::vector<std::string> fields = words(text.substr(0, text.find('\n')), ' ');
  if (index >= fields.size()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(fields[index].c_str(), &end);
  if (end == fields[index].c_str()) return std::nullopt;
  return value;
}

// "key value" or "key: value kB", by line.
std::optional<std::uint64_t> value_of(const std::string& text, const std::string& key) {
  for (const std::string& line : words(text, '\n')) {
    if (!line.starts_with(key)) continue;
    char* end = nullptr;
    const char* const begin = line.c_str() + key.size();
    const std::uint64_t value = std::strtoull(begin, &end, 10);
    if (end != begin) return value;
  }
  return std::nullopt;
}

int processors_allowed() {
  for (int most = 1024; most <= 1 << 20; most *= 2) {  // the mask must be as large as the kernel's
    cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(most));
    if (!set) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    const bool known = ::sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return count;
  }
  return 0;
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return std::format("{:.1f} {}", value, kUnits[unit]);
}

CpuLimit cpu_limit(const LimitSources& sources) {
  const int online = sources.online > 0 ? sources.online : static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  const int allowed = sources.allowed > 0 ? sources.allowed : processors_allowed();
  CpuLimit limit{std::max(online, 1), "all of the machine's"};
  if (allowed > 0 && allowed < limit.count) limit = {allowed, "affinity"};
  for (const Group& group : groups("cpu", sources.root)) {
    for (const fs::path& directory : group.directories) {
      const fs::path file = directory / (group.second ? "cpu.max" : "cpu.cfs_quota_us");
      const auto quota = number_in(below(sources.root, file));
      const auto period = group.second ? number_in(below(sources.root, file), 1)
                                       : number_in(below(sources.root, directory / "cpu.cfs_period_us"));
      if (!quota || !period || *quota <= 0 || *period <= 0) continue;
      const double cpus = *quota / *period;
      if (cpus < limit.count) {
        const int whole = std::max(1, static_cast<int>(std::ceil(cpus)));
        if (whole < limit.count) limit = {whole, std::format("quota of {:.3g} in {}", cpus, file.string())};
      }
    }
  }
  return limit;
}

MemoryLimit memory_limit(const LimitSources& sources) {
  MemoryLimit limit;
  const std::string machine = small_file(sources.root / "proc/meminfo");  // in KiB
  const auto total = value_of(machine, "MemTotal:"), free = value_of(machine, "MemAvailable:");
  if (total && free) {
    const std::uint64_t swap = value_of(machine, "SwapFree:").value_or(0);
    limit = {(*free + swap) * 1024, std::format("free of the machine's {}", size_text(*total * 1024))};
  }
  for (const Group& group : groups("memory", sources.root)) {
    for (const fs::path& directory : group.directories) {
      const fs::path file = directory / (group.second ? "memory.max" : "memory.limit_in_bytes");
      const auto most = number_in(below(sources.root, file));
      const auto used =
          number_in(below(sources.root, directory / (group.second ? "memory.current" : "memory.usage_in_bytes")));
      if (!most || !used || *most <= 0 || *most >= static_cast<double>(kNoLimit)) continue;
      const std::string statistics = small_file(below(sources.root, directory / "memory.stat"));
      const auto cache = value_of(statistics, group.second ? "inactive_file " : "total_inactive_file ");
      const double left = std::max(0.0, *most - *used + static_cast<double>(cache.value_or(0)));
      const auto bytes = static_cast<std::uint64_t>(std::min(left, *most));
      if (limit.why.empty() || bytes < limit.bytes) {
        limit = {bytes,
                 std::format("free of the {} in {}", size_text(static_cast<std::uint64_t>(*most)), file.string())};
      }
    }
  }
  return limit;
}

void require_memory(const std::string& what, std::uint64_t bytes, const LimitSources& sources) {
  const MemoryLimit limit = memory_limit(sources);
  if (limit.why.empty() || bytes <= limit.bytes) return;
  fail("{}: needs {} of memory, found {} {}", what, size_text(bytes), size_text(limit.bytes), limit.why);
}

}  // namespace triage
