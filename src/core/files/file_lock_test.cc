#include "core/files/file_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/test_support.h"

namespace triage {
namespace {

TEST(FileLock, OneAtATimeHasIt) {
  const TempDir directory;
  FileLock second(directory / "lock");
  {
    FileLock first(directory / "lock");
    EXPECT_TRUE(first.try_lock());
    EXPECT_TRUE(first.try_lock());
    EXPECT_FALSE(second.try_lock());
    const FileLock moved(std::move(first));
    EXPECT_FALSE(second.try_lock());
  }
  EXPECT_TRUE(second.try_lock());
  EXPECT_EQ(entries(directory.path()), 1u);
}

TEST(FileLock, AKilledProcessGivesItBack) {
  const TempDir directory;
  FileLock lock(directory / "lock");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    FileLock own(directory / "lock");
    const char taken = own.try_lock() ? 'y' : 'n';
    if (::write(ready[1], &taken, 1) == 1) ::pause();
    ::_exit(0);
  }
  char taken = 0;
  ASSERT_EQ(::read(ready[0], &taken, 1), 1);
  EXPECT_EQ(taken, 'y');
  EXPECT_FALSE(lock.try_lock());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(lock.try_lock());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FileLock, NamesTheFileThatCannotBeOpened) {
  const TempDir directory;
  EXPECT_THAT(error_of([&] { FileLock(directory / "none/lock"); }), testing::HasSubstr("none/lock: cannot open: "));
}

}  // namespace
}  // namespace triage
