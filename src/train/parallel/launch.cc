#include "train/parallel/launch.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "core/system/process.h"

extern char** environ;

namespace triage::train {
namespace {

constexpr int kMaxProcesses = 4096;

int number_of(const std::string& name, const std::string& text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    throw UsageError(std::format("{}: expected a number from {} to {}, found '{}'", name, low, high, text));
  return value;
}

// The first of the variables that is set.
int first_of(const Environment& environment, const std::vector<const char*>& names, int low, int high) {
  for (const char* name : names)
    if (const char* const text = environment(name)) return number_of(name, text, low, high);
  throw UsageError(std::format("{}: expected it in the environment beside MASTER_ADDR, found none", names.front()));
}

std::vector<std::string> own_command() {
  std::vector<std::string> command;
  std::string text = read_file("/proc/self/cmdline");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\0', begin);
    command.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return command;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& own) {
  std::vector<std::string> texts;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool replaced =
        std::ranges::any_of(own, [&](const auto& pair) { return text.starts_with(pair.first + "="); });
    if (!replaced) texts.push_back(text);
  }
  for (const auto& [name, value] : own) texts.push_back(name + "=" + value);
  return texts;
}

int start(std::vector<std::string> command, std::vector<std::string> environment) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, "/proc/self/exe", &actions, nullptr, pointers(command).data(),
                                  pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("a copy of this program cannot be started: {}", std::strerror(error));
  return process;
}

}  // namespace

std::optional<Place> find_place(int processes, const Environment& environment) {
  const char* const master = environment("MASTER_ADDR");
  if (master == nullptr) {
    if (processes <= 1) return std::nullopt;
    return Place{.processes = processes, .here = true};
  }
  Place place;
  place.host = master;
  place.port = first_of(environment, {"MASTER_PORT"}, 1, 65535);
  place.processes =
      first_of(environment, {"WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1, kMaxProcesses);
  place.rank =
      first_of(environment, {"RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}, 0, place.processes - 1);
  if (processes > 0 && processes != place.processes) {
    throw UsageError(std::format("--processes: expected {} as in the environment (WORLD_SIZE), found {}",
                                 place.processes, processes));
  }
  if (place.processes == 1) return std::nullopt;
  place.here = processes > 0;
  const auto is = [&](const char* name, const char* value) {
    const char* const found = environment(name);
    return found != nullptr && std::string(found) == value;
  };
  if (is("TORCHELASTIC_USE_AGENT_STORE", "True")) {
    const char* const attempt = environment("TORCHELASTIC_RESTART_COUNT");
    place.agent = std::format("triage/{}", attempt != nullptr ? attempt : "0");
  }
  return place;
}

int processes_beside(const std::vector<Member>& members, int rank) {
  const std::string& host = members.at(static_cast<std::size_t>(rank)).host;
  return static_cast<int>(std::ranges::count(members, host, &Member::host));
}

Copies::Copies(int processes, int port) {
  const std::vector<std::string> command = own_command();
  for (int rank = 1; rank < processes; ++rank) {
    copies_.push_back({start(command, environment_with({{"RANK", std::to_string(rank)},
                                                        {"LOCAL_RANK", std::to_string(rank)},
                                                        {"WORLD_SIZE", std::to_string(processes)},
                                                        {"LOCAL_WORLD_SIZE", std::to_string(processes)},
                                                        {"MASTER_ADDR", "127.0.0.1"},
                                                        {"MASTER_PORT", std::to_string(port)}})),
                       ""});
  }
}

Copies::~Copies() {
  const std::lock_guard lock(mutex_);
  for (Copy& copy : copies_) {
    look(copy, false);
    if (copy.end.empty()) ::kill(copy.process, SIGKILL);
    look(copy, true);
  }
}

void Copies::look(Copy& copy, bool wait) {
  int status = 0;
  if (!copy.end.empty() || ::waitpid(copy.process, &status, wait ? 0 : WNOHANG) != copy.process) return;
  copy.end = WIFSIGNALED(status) ? "was ended by " + signal_name(WTERMSIG(status))
                                 : std::format("ended with exit code {}", WEXITSTATUS(status));
}

std::string Copies::end_of(int rank) {
  const std::lock_guard lock(mutex_);
  Copy& copy = copies_.at(static_cast<std::size_t>(rank) - 1);
  look(copy, false);
  return copy.end;
}

void Copies::wait() {
  const std::lock_guard lock(mutex_);
  for (Copy& copy : copies_) look(copy, true);
}

}  // namespace triage::train
