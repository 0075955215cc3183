#include "core/files/new_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;

TEST(NewFiles, AllComeAtCommit) {
  const TempDir directory;
  write_file_atomic(directory / "a", "old");
  {
    NewFiles files(directory.path(), "front");
    write_file_atomic(files.path() / "a", "new");
    write_file_atomic(files.path() / "b", "too");
    EXPECT_EQ(read_file(directory / "a"), "old");
    files.commit();
  }
  EXPECT_EQ(read_file(directory / "a"), "new");
  EXPECT_EQ(read_file(directory / "b"), "too");
  EXPECT_EQ(entries(directory.path()), 2u);
}

TEST(NewFiles, NoneWithoutIt) {
  const TempDir directory;
  write_file_atomic(directory / "a", "old");
  fs::create_directories(directory / "b");
  {
    NewFiles files(directory.path(), "front");
    write_file_atomic(files.path() / "a", "new");
    write_file_atomic(files.path() / "b", "new");
    EXPECT_THAT(error_of([&] { files.commit(); }), HasSubstr("b: cannot be replaced"));
  }
  EXPECT_EQ(read_file(directory / "a"), "old");
  EXPECT_EQ(entries(directory.path()), 2u);
}

TEST(NewFiles, WhatAKilledProcessHadCompleteIsPutInPlace) {
  const TempDir directory;
  write_file_atomic(directory / "a", "new");  // the one that it had moved
  write_file_atomic(directory / "b", "old");
  fs::create_directories(directory / ".front.12-1.new");
  write_file_atomic(directory / ".front.12-1.new/b", "new");
  remove_dead_temporaries(directory.path());
  EXPECT_EQ(read_file(directory / "a"), "new");
  EXPECT_EQ(read_file(directory / "b"), "new");
  EXPECT_EQ(entries(directory.path()), 2u);
}

}  // namespace
}  // namespace triage
