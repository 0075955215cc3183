#include "search/store/worker.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <format>
#include <fstream>
#include <sstream>
#include <system_error>

namespace triage::search {
namespace {

// The first line of a file of /proc; empty when it cannot be read.
std::string proc_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// Two machines may share a name, and two containers a machine: neither sees the other's processes. Hence the boot and
// the process namespace.
std::string host_id() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  std::error_code ignored;
  const std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();  // "pid:[4026531836]"
  const std::string boot = proc_line("/proc/sys/kernel/random/boot_id").substr(0, 8);
  std::string id = std::format("{}/{}/", name, boot);
  for (const char c : space) {
    if (c >= '0' && c <= '9') id += c;
  }
  return id;
}

struct ProcessState {
  bool readable = false, ended = false;
  std::int64_t start = 0;  // clock ticks since boot
};

ProcessState process_state(std::int64_t pid) {
  const std::string line = proc_line(std::format("/proc/{}/stat", pid));
  const std::size_t name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  ProcessState result;
  result.ended = state == "Z" || state == "X";
  result.readable = static_cast<bool>(fields >> result.start);
  return result;
}

bool process_is_gone(const std::string& worker) {
  const std::string host = host_id();
  if (!worker.starts_with(host + ":")) return false;
  std::int64_t pid = 0, start = 0;
  const char* const end = worker.data() + worker.size();
  const auto [colon, error] = std::from_chars(worker.data() + host.size() + 1, end, pid);
  if (error != std::errc() || colon == end || pid <= 0) return false;
  if (std::from_chars(colon + 1, end, start).ec != std::errc()) return false;
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
  const ProcessState now = process_state(pid);
  return now.readable && (now.ended || now.start != start);
}

}  // namespace

std::string this_worker(SqlDatabase& database) {
  const auto pid = static_cast<std::int64_t>(::getpid());
  const std::string session = database.session();
  return std::format("{}:{}:{}{}{}", host_id(), pid, process_state(pid).start, session.empty() ? "" : ";", session);
}

bool is_gone(SqlDatabase& database, const std::string& worker) {
  if (process_is_gone(worker)) return true;
  const std::size_t session = worker.rfind(';');
  return session != std::string::npos && database.ended(worker.substr(session + 1));
}

}  // namespace triage::search
