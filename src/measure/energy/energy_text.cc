#include "measure/energy/energy_text.h"

#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace triage::measure {
namespace {

constexpr int kNotFoundStatus = 127;  // the shell's
constexpr int kMaxCpus = 1 << 16;

}  // namespace

std::optional<double> finite_number(std::string_view text) {
  double value = 0;
  const char *begin = text.data(), *end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (text.empty() || error != std::errc() || rest != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string first_line(const fs::path& file) {
  std::string text = read_file(file);
  text.resize(std::min(text.find('\n'), text.size()));
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

double number_in(const fs::path& file) {
  const std::string text = first_line(file);
  const std::optional<double> value = finite_number(text);
  if (!value || *value < 0) fail("{}: found '{}', expected a number of 0 or more", file.string(), text);
  return *value;
}

std::vector<int> cpu_list(const fs::path& file) {
  const std::string text = first_line(file);
  const auto refuse = [&] { fail("{}: found '{}', expected a list of CPUs such as 0,28 or 0-3", file.string(), text); };
  std::vector<int> cpus;
  const char *next = text.data(), *end = next + text.size();
  const auto cpu = [&] {
    int value = -1;
    const auto [rest, error] = std::from_chars(next, end, value);
    if (error != std::errc() || value < 0 || value >= kMaxCpus) refuse();
    next = rest;
    return value;
  };
  while (true) {
    const int first = cpu();
    int last = first;
    if (next < end && *next == '-') ++next, last = cpu();
    if (last < first) refuse();
    for (int i = first; i <= last; ++i) cpus.push_back(i);
    if (next == end) return cpus;
    if (*next++ != ',') refuse();
  }
}

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator i(directory, error), end; !error && i != end; i.increment(error)) {
    entries.push_back(i->path());
  }
  if (error) fail("{}: cannot list: {}", directory.string(), error.message());
  std::ranges::sort(entries);
  return entries;
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(("exec 2>/dev/null; " + command).c_str(), "re");
  if (!pipe) fail("{}: cannot be started", command);
  std::string output;
  char piece[4096];
  for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, pipe)) > 0;) output.append(piece, got);
  const int status = pclose(pipe);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotFoundStatus) fail("{}: no such command", command);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("{}: found status {}, expected 0", command, status);
  return output;
}

}  // namespace triage::measure
