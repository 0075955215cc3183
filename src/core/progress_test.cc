#include "core/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Standard error goes to `fd` while it lives.
class RedirectedStderr {
 public:
  explicit RedirectedStderr(int fd) : saved_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
  ~RedirectedStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

// What `action` writes to standard error when that is a file.
template <class Action>
std::string plain_output(Action action) {
  const TempDir directory;
  const int fd = ::open((directory / "log").c_str(), O_WRONLY | O_CREAT, 0600);
  {
    const RedirectedStderr redirected(fd);
    action();
  }
  ::close(fd);
  return read_file(directory / "log");
}

TEST(Progress, PlainLinesOffATerminal) {
  const std::string text = plain_output([] {
    Progress progress("epoch 2", 200, "images");
    for (int i = 0; i <= 200; ++i) progress.update(i, "loss 0.5");  // below 10 s: nothing
    progress.line("a line");
    progress.finish("val 91.2 %");
    progress.finish("once only");
  });
  EXPECT_THAT(text, testing::StartsWith("a line\nepoch 2 100 %  200/200  "));
  EXPECT_THAT(text, AllOf(HasSubstr("images/s"), HasSubstr("val 91.2 %\n"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
}

TEST(Progress, QuietSaysNothing) {
  Progress::set_quiet(true);
  const std::string text = plain_output([] {
    Progress progress("x", 2, "images");
    progress.line("a line");
    progress.finish();
  });
  Progress::set_quiet(false);
  EXPECT_EQ(text, "");
}

TEST(Progress, RateCountsFromWhereWorkResumed) {
  plain_output([] {
    Progress progress("x", 0, "images", 1'000'000);
    EXPECT_EQ(progress.rate(), 0);
    progress.update(1'000'001);
    EXPECT_GT(progress.rate(), 0);
    Progress later("x", 0, "images", 1'000'000);
    later.update(1'000'000);
    EXPECT_EQ(later.rate(), 0);
  });
}

TEST(Progress, BarOnATerminal) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) GTEST_SKIP() << "no pseudo-terminals here";
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  if (terminal < 0) GTEST_SKIP() << "no pseudo-terminals here";
  {
    const RedirectedStderr redirected(terminal);
    Progress progress("train", 400, "images", 100);
    ::usleep(110'000);  // it draws ten times a second
    progress.update(200, "loss 0.5");
    progress.finish();
  }
  char text[4096];
  const ssize_t got = ::read(master, text, sizeof text);
  ::close(terminal);
  ::close(master);
  const std::string shown(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  EXPECT_THAT(shown, AllOf(HasSubstr("\r\x1b[K"), HasSubstr("train [##########..........]  50 %  200/400  "),
                           HasSubstr("ETA 0:00"), HasSubstr("loss 0.5")));
}

}  // namespace
}  // namespace triage
