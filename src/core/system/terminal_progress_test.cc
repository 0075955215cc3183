#include "core/system/terminal_progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "core/progress.h"
#include "core/test_support.h"
#include "core/text.h"

namespace triage {
namespace {

// A log file, or a pseudo-terminal, that progress is drawn on while a clock of the test's own goes.
class TerminalProgressTest : public testing::Test {
 protected:
  ~TerminalProgressTest() override {
    for (const int fd : {file_, terminal_, master_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  TerminalProgress on_file(bool quiet = false) {
    file_ = ::open(log_.c_str(), O_WRONLY | O_CREAT, 0600);
    return TerminalProgress(quiet, file_, [this] { return now_; });
  }
  std::string logged() const { return read_file(log_); }

  bool has_terminal() {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) return false;
    terminal_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    return terminal_ >= 0;
  }
  TerminalProgress on_terminal(bool quiet = false) {
    return TerminalProgress(quiet, terminal_, [this] { return now_; });
  }
  // All that was drawn since the last call. A terminal may hand it over in pieces, so a mark of our own ends it.
  std::string shown() const {
    constexpr char kMark = '\x02';
    EXPECT_EQ(::write(terminal_, &kMark, 1), 1);
    std::string text;
    char c = 0;
    while (::read(master_, &c, 1) == 1 && c != kMark) text += c;
    return text;
  }

  TempDir directory_;
  fs::path log_ = directory_ / "log";
  int file_ = -1, terminal_ = -1, master_ = -1;
  double now_ = 100;
};

TEST_F(TerminalProgressTest, OnAFileALineEveryTenSeconds) {
  TerminalProgress sink = on_file();
  Progress progress({&sink, {}}, "epoch 2", 200, "images");
  for (int i = 1; i <= 100; ++i) {
    now_ += 0.25;
    progress.update(static_cast<std::uint64_t>(i), "loss 0.5");
  }
  progress.line("a line");
  progress.update(200);
  now_ += 5;
  progress.finish("val 91.2 %");
  EXPECT_EQ(logged(),
            "epoch 2  20 %  40/200  4.0 images/s  ETA 0:40  loss 0.5\n"
            "epoch 2  40 %  80/200  4.0 images/s  ETA 0:30  loss 0.5\n"
            "a line\n"
            "epoch 2 100 %  200/200  6.7 images/s  in 0:30  val 91.2 %\n");
}

TEST_F(TerminalProgressTest, ARateCountsFromWhereWorkResumed) {
  TerminalProgress sink = on_file();
  Progress progress({&sink, {}}, "train", 0, "images", 1'000'000);
  now_ += 20;
  progress.update(1'000'000);
  now_ += 20;
  progress.update(1'020'000);
  EXPECT_EQ(logged(), "train  1000.0k images\ntrain  1020.0k  500 images/s\n");
}

TEST_F(TerminalProgressTest, QuietSaysMessagesAlone) {
  TerminalProgress sink = on_file(true);
  {
    Progress progress({&sink, {}}, "x", 2, "images");
    now_ += 20;
    progress.update(1);
    progress.line("a line");
    progress.finish();
  }
  Context{.sink = &sink, .stop = {}}.message("building it");
  EXPECT_EQ(logged(), "building it\n");
}

TEST_F(TerminalProgressTest, WorkThatIsGivenUpEndsItsBar) {
  if (!has_terminal()) GTEST_SKIP() << "no pseudo-terminals here";
  TerminalProgress sink = on_terminal();
  {
    const Progress progress({&sink, {}}, "x", 2, "images");
  }
  EXPECT_EQ(shown(), "\r\n");
}

TEST_F(TerminalProgressTest, OnATerminalABarRedrawsItselfTenTimesASecond) {
  if (!has_terminal()) GTEST_SKIP() << "no pseudo-terminals here";
  TerminalProgress sink = on_terminal();
  Progress progress({&sink, {}}, "train", 400, "images", 100);
  now_ += 0.0625;
  progress.update(150);  // too soon
  now_ += 0.0625;
  progress.update(200, "loss 0.5");
  EXPECT_EQ(shown(), "\r\x1b[Ktrain [##########..........]  50 %  200/400  800 images/s  ETA 0:00  loss 0.5");
  progress.line("a line \x1b[2J");
  EXPECT_EQ(shown(), "\r\x1b[Ka line " + printable("\x1b[2J") + "\r\n");
  sink.message("a message");
  EXPECT_EQ(shown(), "\r\x1b[Ka message\r\n");
  progress.finish();
  EXPECT_EQ(shown(), "\r\x1b[Ktrain  50 %  200/400  800 images/s  in 0:00\r\n");
  sink.message("no bar to clear");
  EXPECT_EQ(shown(), "no bar to clear\r\n");
}

}  // namespace
}  // namespace triage
