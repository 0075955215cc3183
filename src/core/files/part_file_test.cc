#include "core/files/part_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

using ::testing::HasSubstr;

std::string content_of(const PartFile& file) {
  std::string content(file.size(), '\0');
  file.read_at(0, content.data(), content.size());
  return content;
}

TEST(PartFile, WhatWasKeptIsThereForTheNext) {
  const TempDir dir;
  {
    PartFile file(dir / "a");
    file.write("hello world", 11);
    file.write_at(0, "J", 1);
    file.sync();
    file.keep();
  }
  EXPECT_FALSE(fs::exists(dir / "a"));
  PartFile file(dir / "a");
  EXPECT_EQ(content_of(file), "Jello world");
  file.truncate(5);
  file.write("!", 1);
  EXPECT_EQ(content_of(file), "Jello!");
  EXPECT_THAT(error_of([&] {
                char more[9];
                file.read_at(2, more, sizeof more);
              }),
              HasSubstr("a.part: cannot read 9 bytes at offset 2: the file ends"));
  file.commit();
  EXPECT_EQ(read_file(dir / "a"), "Jello!");
  EXPECT_FALSE(fs::exists(dir / "a.part"));
}

TEST(PartFile, WithoutCommitOrKeepNothingStays) {
  const TempDir dir;
  write_file_atomic(dir / "a", "old");
  {
    PartFile file(dir / "a");
    file.write("new", 3);
  }
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_FALSE(fs::exists(dir / "a.part"));
}

TEST(PartFile, OneAtATime) {
  const TempDir dir;
  PartFile first(dir / "a");
  EXPECT_THAT(error_of([&] { PartFile second(dir / "a"); }), HasSubstr("a.part: another process is writing it"));
  first.write("x", 1);
  first.commit();
  PartFile next(dir / "a");
  EXPECT_EQ(next.size(), 0u);
}

}  // namespace
}  // namespace triage
