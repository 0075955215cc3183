// Map: CandidateRunner (this process) -> Keeper (its child) -> work() (the keeper's child, which measures). Each pair
// speaks over a socket that keeps messages apart: a job is "key\nschedule", an answer a CandidateResult as JSON.
#include "compiler/tuning/candidate_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>

#include "core/error.h"
#include "core/json.h"
#include "core/statistics/statistics.h"
#include "core/system/process.h"

namespace triage::compiler {
namespace {

using RunnerClock = std::chrono::steady_clock;

constexpr std::size_t kMaxMessage = 16 << 10, kMaxFailure = 1000;
constexpr int kStopPollMs = 50;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kLimitMemory = false;  // its shadow alone is terabytes of address space
#else
constexpr bool kLimitMemory = true;
#endif

CandidateResult failed(std::string failure) {
  if (failure.size() > kMaxFailure) failure.resize(kMaxFailure);
  return {.failure = std::move(failure)};
}

std::string to_message(const CandidateResult& outcome) {
  Json json = {{"spread", outcome.spread}, {"samples", outcome.samples}, {"failure", outcome.failure}};
  if (outcome.us) json["us"] = *outcome.us;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // an exception's text may be no UTF-8
}

CandidateResult from_message(const std::string& message) {
  const Json json = parse_json(message, "answer of a measuring process");
  const JsonReader reader(json, "answer of a measuring process");
  CandidateResult outcome{.spread = reader.get<double>("spread"),
                          .failure = reader.get<std::string>("failure"),
                          .samples = reader.get<int>("samples")};
  if (reader.has("us")) outcome.us = reader.get<double>("us");
  return outcome;
}

bool send_message(int socket, const std::string& message) {
  ssize_t sent;
  do {
    sent = ::send(socket, message.data(), message.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size());
}

// Blocks; empty when the other side is gone.
std::string receive_message(int socket) {
  std::string message(kMaxMessage, '\0');
  ssize_t got;
  do {
    got = ::recv(socket, message.data(), message.size(), 0);
  } while (got < 0 && errno == EINTR);
  message.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return message;
}

std::array<int, 2> message_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail("socketpair for measuring candidates: {}", std::strerror(errno));
  }
  return ends;
}

void default_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGCHLD}) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// What is printed goes nowhere: it would tear the progress line, and a pipe held open would keep its reader waiting.
void silence_streams() {
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, fd);
  if (nowhere > STDERR_FILENO) ::close(nowhere);
}

void limit_resources(std::size_t memory_mib) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (!kLimitMemory) return;
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;  // the first number: the whole address space
  const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (static_cast<rlim_t>(memory_mib) << 20);
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_AS, &limit);
}

CandidateResult measured(const SampleFunction& function, const std::string& job) {
  try {
    const std::size_t split = job.find('\n');
    return outcome_of(function(KernelKey::parse(job.substr(0, split)), Schedule::parse(job.substr(split + 1))));
  } catch (const std::bad_alloc&) {
    return failed("out of memory");
  } catch (const std::exception& error) {
    return failed(std::string("refused: ") + error.what());
  } catch (...) {
    return failed("refused: an exception of unknown type");
  }
}

// Leaves the process for waitpid().
void wait_for_end(pid_t process) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
}

std::string how_it_ended(int status) {
  if (!WIFSIGNALED(status)) return std::format("ended itself with exit code {}", WEXITSTATUS(status));
  return "crashed with " + signal_name(WTERMSIG(status));
}

// The worker's whole life.
[[noreturn]] void work(int socket, const SampleFunction& function, const RunnerOptions& options) {
  limit_resources(options.memory_mib);
  for (;;) {
    const std::string job = receive_message(socket);
    if (job.empty() || !send_message(socket, to_message(measured(function, job)))) ::_exit(0);
  }
}

// Lives in the keeper process.
class Keeper {
 public:
  Keeper(int parent, const SampleFunction& function, const RunnerOptions& options)
      : parent_(parent), function_(function), options_(options) {}

  void serve() {
    for (std::string job; !(job = receive_message(parent_)).empty();) {
      if (!send_message(parent_, to_message(run(job)))) break;
    }
    end_worker();
  }

 private:
  struct Answer {
    CandidateResult outcome;
    bool crashed = false;
  };

  CandidateResult run(const std::string& job) {
    if (served_ >= options_.max_per_worker) end_worker();
    const bool spoilt = served_ > 0;
    Answer answer = ask(job);
    if (answer.crashed && spoilt) answer = ask(job);
    return answer.outcome;
  }

  Answer ask(const std::string& job) {
    if (worker_ < 0) start_worker();
    ++served_;
    const auto deadline = RunnerClock::now() + std::chrono::duration<double>(options_.seconds);
    if (!send_message(socket_, job)) return {failed(crash()), true};
    for (;;) {
      const double left = std::chrono::duration<double>(deadline - RunnerClock::now()).count();
      if (left <= 0) {
        end_worker();
        return {failed(std::format("timed out after {:g} s", options_.seconds))};
      }
      pollfd waiting[2] = {{socket_, POLLIN, 0}, {parent_, 0, 0}};  // of the parent: its end alone
      ::poll(waiting, 2, static_cast<int>(std::min(left, 1e6) * 1000) + 1);
      if ((waiting[1].revents & (POLLHUP | POLLERR)) != 0) {
        end_worker();
        ::_exit(0);
      }
      if (waiting[0].revents == 0) continue;
      const std::string message = receive_message(socket_);
      if (message.empty()) return {failed(crash()), true};
      return read_answer(message);
    }
  }

  Answer read_answer(const std::string& message) {
    try {
      CandidateResult outcome = from_message(message);
      if (outcome.failure == "out of memory") end_worker();  // it may hold what the candidate had allocated
      return {std::move(outcome)};
    } catch (const Error&) {
      end_worker();
      return {failed("crashed: its answer is damaged"), true};
    }
  }

  void start_worker() {
    const std::array<int, 2> ends = message_sockets();
    const pid_t keeper = ::getpid();
    worker_ = ::fork();
    if (worker_ < 0) fail("fork: {}", std::strerror(errno));
    if (worker_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != keeper) ::_exit(0);
      ::close(parent_);
      ::close(ends[0]);
      work(ends[1], function_, options_);
    }
    ::close(ends[1]);
    socket_ = ends[0];
    served_ = 0;
  }

  // Ends the worker and says how it ended.
  int end_worker() {
    if (worker_ < 0) return 0;
    ::kill(worker_, SIGKILL);
    int status = 0;
    while (::waitpid(worker_, &status, 0) < 0 && errno == EINTR) {
    }
    ::close(socket_);
    worker_ = -1;
    served_ = 0;
    return status;
  }

  // Of a worker that closed its socket: it has died, or is about to.
  std::string crash() {
    wait_for_end(worker_);
    return how_it_ended(end_worker());
  }

  int parent_;
  const SampleFunction& function_;
  const RunnerOptions& options_;
  pid_t worker_ = -1;
  int socket_ = -1, served_ = 0;
};

}  // namespace

CandidateResult outcome_of(std::vector<double> samples) {
  if (samples.empty()) return failed("refused: expected samples, found none");
  for (const double us : samples) {
    if (!(us > 0 && std::isfinite(us))) return failed(std::format("refused: expected us above 0, found {}", us));
  }
  std::ranges::sort(samples);
  return {.us = percentile(samples, 50),
          .spread = percentile(samples, 75) - percentile(samples, 25),
          .samples = static_cast<int>(samples.size())};
}

CandidateRunner::CandidateRunner(SampleFunction function, RunnerOptions options)
    : function_(std::move(function)), options_(options) {
  if (!(options_.seconds > 0)) fail("candidates: expected a limit of time above 0 s, found {}", options_.seconds);
  start();
}

CandidateRunner::~CandidateRunner() { stop(); }

void CandidateRunner::start() {
  const std::array<int, 2> ends = message_sockets();
  keeper_ = ::fork();
  if (keeper_ < 0) {
    const int error = errno;
    for (const int end : ends) ::close(end);
    fail("fork for measuring candidates: {}", std::strerror(error));
  }
  if (keeper_ == 0) {
    // Nothing may leave this block: the callers' frames are a copy.
    try {
      ::setpgid(0, 0);  // Ctrl-C is for the parent, which ends us
      default_signals();
      silence_streams();
      ::close(ends[0]);
      Keeper(ends[1], function_, options_).serve();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  ::setpgid(keeper_, keeper_);  // whoever comes first
  ::close(ends[1]);
  socket_ = ends[0];
}

int CandidateRunner::stop() noexcept {
  if (keeper_ < 0) return 0;
  ::kill(-keeper_, SIGKILL);  // with its worker
  int status = 0;
  while (::waitpid(keeper_, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(socket_);
  keeper_ = socket_ = -1;
  return status;
}

CandidateResult CandidateRunner::run(const KernelKey& key, const Schedule& schedule) {
  if (keeper_ < 0) start();
  const bool there = send_message(socket_, key.text() + "\n" + schedule.text());
  for (bool waiting = there; waiting;) {
    if (options_.stop.requested()) {
      stop();
      throw Interrupted("measuring was interrupted");
    }
    pollfd answer{socket_, POLLIN, 0};
    waiting = ::poll(&answer, 1, kStopPollMs) <= 0;
  }
  const std::string message = there ? receive_message(socket_) : "";
  if (message.empty()) {
    wait_for_end(keeper_);  // it closed its socket
    fail("{}: {}: the process that runs candidates {}", key.text(), schedule.text(), how_it_ended(stop()));
  }
  return from_message(message);
}

}  // namespace triage::compiler
