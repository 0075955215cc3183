#include "apps/triage-serve/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "core/error.h"

namespace triage::cli {
namespace {

constexpr int kAwaited[] = {SIGINT, SIGTERM, SIGHUP};
int signal_pipe[2] = {-1, -1};  // of the handler, which may call little else than write()

void on_awaited(int signal) {
  const int error = errno;
  const auto number = static_cast<unsigned char>(signal);
  if (::write(signal_pipe[1], &number, 1) != 1) ::_exit(128 + signal);  // thousands of them wait
  errno = error;
}

}  // namespace

AwaitedSignals::AwaitedSignals() {
  if (::pipe2(signal_pipe, O_CLOEXEC) != 0) fail("cannot make a pipe");
  struct sigaction action{};
  action.sa_handler = on_awaited;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kAwaited); ++i) ::sigaction(kAwaited[i], &action, &before_[i]);
}

AwaitedSignals::~AwaitedSignals() {
  give_back();
  for (const int end : signal_pipe) ::close(end);
}

int AwaitedSignals::wait() {
  unsigned char number = 0;
  while (::read(signal_pipe[0], &number, 1) != 1) continue;
  return number;
}

void AwaitedSignals::give_back() {
  for (std::size_t i = 0; i < std::size(kAwaited); ++i) ::sigaction(kAwaited[i], &before_[i], nullptr);
}

}  // namespace triage::cli
