#include "core/system/stop.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "core/files/temporary.h"
#include "core/test_support.h"

namespace triage {
namespace {

// How a child process that runs `action` ends: 128 + signal, or its exit code.
int end_of(const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    action();
    ::_exit(12);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(StopHandler, FirstSignalAsksSecondOneEnds) {
  EXPECT_EQ(end_of([] {
              const StopToken stop = install_stop_handler();
              if (stop.requested()) ::_exit(10);
              std::raise(SIGINT);
              if (!stop.requested()) ::_exit(11);
              std::raise(SIGTERM);
            }),
            128 + SIGTERM);
}

TEST(EndHandler, RemovesWhatIsTemporaryAndEndsByTheSignal) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const TempDir directory;
    EXPECT_EQ(end_of([&] {
                install_end_handler();
                AtomicFile file(directory / "a");
                const TemporaryDirectory inner(directory.path(), "folder");
                append_line(inner.path() / "b", "line");
                std::raise(number);
              }),
              128 + number);
    EXPECT_TRUE(fs::is_empty(directory.path())) << number;
  }
}

TEST(EndHandler, AChildThatWasForkedEndsAlone) {
  EXPECT_EQ(end_of([] {
              install_end_handler();
              if (end_of([] { std::raise(SIGTERM); }) != 128 + SIGTERM) ::_exit(11);
            }),
            12);
}

}  // namespace
}  // namespace triage
