#include "core/system/stop.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/error.h"
#include "core/files/temporary.h"

namespace triage {
namespace {

constexpr int kCleaningMs = 2000;  // then it ends all the same

std::atomic<bool> g_asks_first = false, g_stop = false;
int g_pipe[2] = {-1, -1};  // the signal that ends the program
pid_t g_process = 0;

void end_by(int signal_number) {
  ::signal(signal_number, SIG_DFL);
  ::kill(::getpid(), signal_number);
}

// Removing directories is too much for a signal handler: the thread of install_end_handler() does it meanwhile.
void on_signal(int signal_number) {
  if (g_asks_first && signal_number != SIGHUP && !g_stop.exchange(true)) return;
  const auto number = static_cast<unsigned char>(signal_number);
  if (::getpid() == g_process && ::write(g_pipe[1], &number, 1) == 1) ::poll(nullptr, 0, kCleaningMs);
  end_by(signal_number);
}

void end_when_told() {
  unsigned char number = 0;
  while (::read(g_pipe[0], &number, 1) != 1) {
  }
  remove_own_temporaries();
  end_by(number);
}

}  // namespace

void install_end_handler() {
  static const bool installed = [] {
    if (::pipe2(g_pipe, O_CLOEXEC) != 0) fail("cannot make a pipe");
    g_process = ::getpid();
    std::thread(end_when_told).detach();
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    struct sigaction before{};
    if (::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)  // nohup
      ::sigaction(SIGHUP, &action, nullptr);
    return true;
  }();
  static_cast<void>(installed);
}

StopToken install_stop_handler() {
  install_end_handler();
  g_asks_first = true;
  return StopToken(g_stop);
}

}  // namespace triage
