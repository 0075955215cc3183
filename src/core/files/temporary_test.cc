#include "core/files/temporary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;
using Kind = TemporaryPath::Kind;

// What a process leaves that makes a file and a directory in `directory` and is then killed.
void leave_behind(const fs::path& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    const TemporaryPath file(directory, "data.tds", Kind::file);
    const TemporaryPath folder(directory, "plan", Kind::directory);
    append_line(folder.path() / "stage.onnx", "half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
}

TEST(TemporaryPath, IsBesideHasAPlainNameAndGoes) {
  const TempDir directory;
  for (const Kind kind : {Kind::file, Kind::directory}) {
    const TemporaryPath made(directory.path(), "name", kind);
    EXPECT_EQ(made.path().parent_path(), directory.path());
    EXPECT_THAT(made.path().filename().string(), testing::MatchesRegex("\\.name\\.[0-9]+-[0-9]+\\.tmp"));
    EXPECT_EQ(fs::is_directory(made.path()), kind == Kind::directory);
  }
  EXPECT_TRUE(fs::is_empty(directory.path()));
  const TemporaryPath long_name(directory.path(), std::string(255, 'x'), Kind::file);
  EXPECT_TRUE(fs::exists(long_name.path()));
}

TEST(TemporaryPath, WhatIsKeptStays) {
  const TempDir directory;
  {
    TemporaryPath made(directory.path(), "name", Kind::file);
    fs::rename(made.path(), directory / "name");
    made.keep();
  }
  EXPECT_TRUE(fs::exists(directory / "name"));
}

TEST(TemporaryPath, AMissingDirectoryIsNamed) {
  EXPECT_THAT(error_of([] { TemporaryPath("/no/such", "a", Kind::file); }), HasSubstr("/no/such/a: cannot create"));
  EXPECT_THAT(error_of([] { TemporaryPath("/no/such", "a", Kind::directory); }), HasSubstr("No such file"));
}

TEST(DeadTemporaries, AreRemovedAndTheLivingAreNot) {
  const TempDir directory;
  leave_behind(directory.path());
  EXPECT_EQ(entries(directory.path()), 2u);
  const TemporaryPath file(directory.path(), "alive", Kind::file);  // the first here cleans up
  const TemporaryPath folder(directory.path(), "alive", Kind::directory);
  EXPECT_EQ(entries(directory.path()), 2u);
  append_line(folder.path() / "a", "line");
  remove_dead_temporaries(directory.path());
  EXPECT_TRUE(fs::exists(file.path()));
  EXPECT_TRUE(fs::exists(folder.path() / "a"));
}

TEST(DeadTemporaries, OnlyWhatIsNamedSoAndAskedForIsRemoved) {
  const TempDir directory;
  const char* others[] = {".name.tmp",     ".name.12-.tmp", ".name.x-1.tmp",
                          "name.12-1.tmp", ".12-1.tmp",     ".name.12-1.old.txt"};
  for (const char* other : others) write_file_atomic(directory / other, "mine");
  write_file_atomic(directory / ".b.12-1.tmp", "dead");
  write_file_atomic(directory / ".triage-x.12-1.tmp", "dead");
  remove_dead_temporaries(directory.path(), "triage-");
  EXPECT_FALSE(fs::exists(directory / ".triage-x.12-1.tmp"));
  EXPECT_TRUE(fs::exists(directory / ".b.12-1.tmp"));
  remove_dead_temporaries(directory.path());
  EXPECT_FALSE(fs::exists(directory / ".b.12-1.tmp"));
  for (const char* other : others) EXPECT_EQ(read_file(directory / other), "mine") << other;
}

TEST(DeadTemporaries, ALinkIsNotFollowed) {
  const TempDir directory, elsewhere;
  write_file_atomic(elsewhere / "mine", "x");
  fs::create_symlink(elsewhere.path(), directory / ".a.12-1.tmp");
  remove_dead_temporaries(directory.path());
  EXPECT_EQ(read_file(elsewhere / "mine"), "x");
}

TEST(TemporaryDirectory, IsThisUsersAlone) {
  const TemporaryDirectory made("purpose");
  EXPECT_EQ(fs::status(made.path()).permissions(), fs::perms(0700));
  EXPECT_THAT(made.path().filename().string(), HasSubstr(".triage-purpose."));
}

}  // namespace
}  // namespace triage
