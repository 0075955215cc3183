#include "core/system/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/clock.h"
#include "core/error.h"

extern char** environ;

namespace triage {
namespace {

constexpr int kPollMs = 50;
constexpr std::size_t kMaxErrors = 64 << 10, kMaxCommand = 300, kMaxLastWords = 2000;

class ProcessFd {
 public:
  explicit ProcessFd(int fd = -1) : fd_(fd) {}
  ~ProcessFd() { reset(); }
  ProcessFd(const ProcessFd&) = delete;
  ProcessFd& operator=(const ProcessFd&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

int open_input(const ProcessOptions& options) {
  if (options.input_file) {
    const int fd = ::open(options.input_file->c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("{}: cannot open: {}", options.input_file->string(), std::strerror(errno));
    return fd;
  }
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) fail("memfd_create: {}", std::strerror(errno));
  std::size_t written = 0;
  while (written < options.input.size()) {
    const ssize_t n = ::write(fd, options.input.data() + written, options.input.size() - written);
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      fail("{}: its input of {} bytes: {}", options.command[0], options.input.size(), std::strerror(error));
    }
    written += static_cast<std::size_t>(n);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

void open_pipe(ProcessFd& read_end, ProcessFd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe: {}", std::strerror(errno));
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

// The started program, leader of a group of its own; killed with its group when this goes before it ended.
class Child {
 public:
  Child(const std::vector<std::string>& command, int input, int output, int errors) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);  // the tools ignore it, and ignoring is inherited
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const int error = ::posix_spawnp(&pid_, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) fail("{}: cannot be started: {}", command[0], std::strerror(error));
  }
  ~Child() {
    if (!ended_) kill_and_wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool ended() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
    return ended_;
  }
  void kill_and_wait() {
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
  }
  int signal() const { return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0; }
  int exit_code() const { return signal() == 0 ? WEXITSTATUS(status_) : 128 + signal(); }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// What the pipe holds now; closes it at its end.
std::string drain(ProcessFd& pipe) {
  std::string text;
  char buffer[1 << 16];
  while (pipe.get() >= 0) {
    const ssize_t n = ::read(pipe.get(), buffer, sizeof buffer);
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else if (n == 0) {
      pipe.reset();
    } else if (errno != EINTR) {
      break;
    }
  }
  return text;
}

// The end of a text, without the space around it.
std::string last_words(std::string text) {
  constexpr const char* kSpace = " \t\r\n";
  text.erase(text.find_last_not_of(kSpace) + 1);
  if (text.size() > kMaxLastWords) text = "... " + text.substr(text.size() - kMaxLastWords);
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

}  // namespace

ProcessResult run_process(const ProcessOptions& options) {
  const ProcessFd input(open_input(options));
  ProcessFd output, output_end, errors, errors_end;
  open_pipe(output, output_end);
  open_pipe(errors, errors_end);
  Child child(options.command, input.get(), output_end.get(), errors_end.get());
  output_end.reset();
  errors_end.reset();

  ProcessResult result;
  double last_sign = steady_seconds();
  off_t place = 0;
  for (;;) {
    // Asked before the pipes are read: what it printed is in them then. Grandchildren that keep a pipe open (an
    // OpenSSH master) are not waited for.
    const bool ended = child.ended();
    pollfd waiting[2] = {{output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}};
    ::poll(waiting, 2, ended || (output.get() < 0 && errors.get() < 0) ? 1 : kPollMs);
    const std::string said = drain(output), complained = drain(errors);
    if (!said.empty()) options.on_output ? options.on_output(said) : void(result.output += said);
    result.errors += complained;
    if (result.errors.size() > kMaxErrors) result.errors.erase(0, result.errors.size() - kMaxErrors);
    if (ended) break;
    const off_t now_at = ::lseek(input.get(), 0, SEEK_CUR);  // shared with the child: how far it has read
    if (!said.empty() || !complained.empty() || now_at != place) last_sign = steady_seconds();
    place = now_at;
    if (seconds_since(last_sign) > options.silence_seconds) {
      child.kill_and_wait();
      result.silent = true;
      break;
    }
    if (options.stop.requested()) throw Interrupted(options.command[0] + " was interrupted");
  }
  result.exit_code = child.exit_code();
  result.signal = child.signal();
  return result;
}

ProcessResult run_checked(const ProcessOptions& options) {
  ProcessResult result = run_process(options);
  if (result.exit_code == 0) return result;
  std::string command = options.command[0];
  for (std::size_t i = 1; i < options.command.size(); ++i) command += " " + options.command[i];
  if (command.size() > kMaxCommand) command = command.substr(0, kMaxCommand) + " ...";
  const std::string how = result.silent        ? std::format("killed: silent for {:g} s", options.silence_seconds)
                          : result.signal != 0 ? "ended by " + signal_name(result.signal)
                                               : std::format("ended with exit code {}", result.exit_code);
  const std::string last = last_words(result.errors);
  fail("{}: {}: {}", command, how, last.empty() ? "it said nothing" : last);
}

std::string signal_name(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? std::format("SIG{}", name) : std::format("signal {}", signal);
}

}  // namespace triage
