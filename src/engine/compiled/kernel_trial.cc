#include "engine/compiled/kernel_trial.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <format>
#include <new>
#include <thread>

namespace triage::engine {
namespace {

constexpr int kFatal[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

#ifdef __WALL
constexpr int kAnyChild = __WALL;  // those without SIGCHLD, too
#else
constexpr int kAnyChild = 0;
#endif

struct Shared {  // with the child
  std::atomic<std::size_t> call{0};
  std::atomic<int> code{0};
  std::atomic<bool> done{false};
};

class SharedPage {
 public:
  SharedPage() : page_(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (page_ != MAP_FAILED) shared_ = new (page_) Shared;
  }
  ~SharedPage() {
    if (shared_) ::munmap(page_, sizeof(Shared));
  }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  Shared* get() const { return shared_; }

 private:
  void* page_;
  Shared* shared_ = nullptr;
};

class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// System calls and kernels, nothing else.
[[noreturn]] void make_calls(std::span<const KernelCall> calls, Shared& shared) {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  sigset_t fatal;
  sigemptyset(&fatal);
  for (const int signal : kFatal) {
    ::sigaction(signal, &by_default, nullptr);
    sigaddset(&fatal, signal);
  }
  ::sigprocmask(SIG_UNBLOCK, &fatal, nullptr);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    shared.call.store(i);
    if (const int code = calls[i].kernel(calls[i].arguments); code != 0) {
      shared.code.store(code);
      ::_exit(1);
    }
  }
  shared.done.store(true);
  ::_exit(0);
}

// A fork that tells nobody: no handlers of fork(), no SIGCHLD at the end. Emulators know the plain one alone.
pid_t quiet_fork() {
#ifdef __linux__
  const long child = ::syscall(SYS_clone, 0UL, nullptr, nullptr, nullptr, nullptr);
  if (child >= 0 || errno != EINVAL) return static_cast<pid_t>(child);
  return ::_Fork();
#else
  return ::fork();
#endif
}

// The status of a child that ended; nothing where it is unknown, since the host waited for it first.
enum class Wait { ended, unknown, timed_out };
Wait wait_for(pid_t child, double seconds, int& status) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  auto pause = std::chrono::microseconds(50);
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG | kAnyChild);
    if (ended == child) return Wait::ended;
    if (ended < 0 && errno != EINTR) return Wait::unknown;
    if (Clock::now() >= until) return Wait::timed_out;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5000));
  }
}

}  // namespace

bool TrialEnd::lasting() const {
  return how == How::done || how == How::failed ||
         (how == How::killed && std::ranges::find(kFatal, value) != std::end(kFatal));
}

std::string to_text(const TrialEnd& end) {
  switch (end.how) {
    case TrialEnd::How::done:
      return "is fine";
    case TrialEnd::How::killed: {
      const char* const name = end.value > 0 ? ::sigabbrev_np(end.value) : nullptr;
      return name ? std::format("was killed by SIG{}", name) : std::format("was killed by signal {}", end.value);
    }
    case TrialEnd::How::failed:
      return std::format("failed with code {}", end.value);
    case TrialEnd::How::timed_out:
      return "did not end";
    case TrialEnd::How::not_tried:
      break;
  }
  return std::format("could not be tried: no child process: {}", std::strerror(end.value));
}

TrialEnd try_in_child(std::span<const KernelCall> calls, double seconds) {
  using How = TrialEnd::How;
  const SharedPage page;
  if (!page.get()) return {.how = How::not_tried, .value = errno};
  Shared& shared = *page.get();
  pid_t child = -1;
  int error = 0;
  {
    const AllSignalsBlocked blocked;  // a handler would run in both processes
    child = quiet_fork();
    if (child == 0) make_calls(calls, shared);
    error = errno;
  }
  if (child < 0) return {.how = How::not_tried, .value = error};
  int status = 0;
  const Wait waited = wait_for(child, seconds, status);
  if (waited == Wait::timed_out) {
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, kAnyChild) < 0 && errno == EINTR) {
    }
    return {.how = How::timed_out, .call = shared.call.load()};
  }
  if (shared.done.load()) return {};
  if (const int code = shared.code.load(); code != 0) return {How::failed, shared.call.load(), code};
  const bool by_signal = waited == Wait::ended && WIFSIGNALED(status);
  return {How::killed, shared.call.load(), by_signal ? WTERMSIG(status) : 0};
}

}  // namespace triage::engine
