#include "core/files/new_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;
using Exchange = NewDirectory::Exchange;

class NewDirectoryTest : public testing::TestWithParam<Exchange> {
 protected:
  NewDirectoryTest() {
    fs::create_directories(target());
    write_file_atomic(target() / "plan.json", "old");
    write_file_atomic(target() / "notes", "mine");
  }
  fs::path target() const { return directory_ / "plan"; }
  void expect_alone() const {  // nothing beside it
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()), 1);
  }
  TempDir directory_;
};

INSTANTIATE_TEST_SUITE_P(Exchanges, NewDirectoryTest, testing::Values(Exchange::one_rename, Exchange::two_renames));

TEST_P(NewDirectoryTest, ReplacesTheOldOneAtCommit) {
  std::ifstream reader(target() / "plan.json");
  {
    NewDirectory made(target(), GetParam());
    write_file_atomic(made.path() / "plan.json", "new");
    EXPECT_EQ(read_file(target() / "plan.json"), "old");
    made.commit();
  }
  EXPECT_EQ(read_file(target() / "plan.json"), "new");
  EXPECT_FALSE(fs::exists(target() / "notes"));
  expect_alone();
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");  // whoever has it open keeps it
}

TEST_P(NewDirectoryTest, ANameAloneIsOfTheWorkingDirectory) {
  const fs::path here = fs::current_path();
  fs::current_path(directory_.path());
  const std::string error = error_of([&] {
    NewDirectory made("made", GetParam());
    write_file_atomic(made.path() / "plan.json", "new");
    made.commit();
  });
  fs::current_path(here);
  EXPECT_EQ(error, "no error");
  EXPECT_EQ(read_file(directory_ / "made" / "plan.json"), "new");
}

TEST_P(NewDirectoryTest, WithoutCommitTheOldOneStays) {
  {
    const NewDirectory made(target(), GetParam());
    write_file_atomic(made.path() / "plan.json", "new");
  }
  EXPECT_EQ(read_file(target() / "plan.json"), "old");
  expect_alone();
}

TEST_P(NewDirectoryTest, TakesOverWhatItHasNot) {
  fs::create_directories(target() / "folder");
  write_file_atomic(target() / "folder" / "a", "inner");
  write_file_atomic(target() / "stage.onnx", "old stage");
  write_file_atomic(target() / ".kernels.12-1.tmp", "left by a killed process");
  fs::create_symlink("notes", target() / "link");
  NewDirectory made(target(), GetParam());
  write_file_atomic(made.path() / "plan.json", "new");
  made.take_over({"stage.onnx"});
  made.commit();
  EXPECT_EQ(read_file(target() / "plan.json"), "new");
  EXPECT_EQ(read_file(target() / "notes"), "mine");
  EXPECT_EQ(read_file(target() / "folder" / "a"), "inner");
  EXPECT_EQ(fs::read_symlink(target() / "link"), "notes");
  EXPECT_FALSE(fs::exists(target() / "stage.onnx"));
  EXPECT_FALSE(fs::exists(target() / ".kernels.12-1.tmp"));
}

TEST_P(NewDirectoryTest, FollowsALinkAndMakesWhatIsMissing) {
  fs::create_directory_symlink("plan", directory_ / "link");
  {
    NewDirectory made(directory_ / "link/", GetParam());
    made.commit();
  }
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
  EXPECT_TRUE(fs::is_empty(target()));
  NewDirectory deep(directory_.path() / "a" / "b", GetParam());
  deep.commit();
  EXPECT_TRUE(fs::is_directory(directory_.path() / "a" / "b"));
}

TEST_P(NewDirectoryTest, KeepsTheDirectorysPermissions) {
  fs::permissions(target(), fs::perms(0750));
  NewDirectory made(target(), GetParam());
  made.commit();
  EXPECT_EQ(fs::status(target()).permissions(), fs::perms(0750));
}

TEST(NewDirectory, IsMadeWhereTheProcessStands) {
  const TempDir directory;
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  NewDirectory made("plan");
  made.commit();
  fs::current_path(before);
  EXPECT_TRUE(fs::is_directory(directory / "plan"));
}

TEST(NewDirectory, AFileIsNotReplaced) {
  const TempDir directory;
  write_file_atomic(directory / "plan", "a file");
  EXPECT_THAT(error_of([&] { NewDirectory made(directory / "plan"); }),
              HasSubstr("expected a directory, found a file"));
  EXPECT_THAT(error_of([&] { NewDirectory made(directory.path() / "plan" / "inner"); }), HasSubstr("plan"));
  EXPECT_THAT(error_of([&] { NewDirectory made("/"); }), HasSubstr("cannot be replaced"));
}

TEST(RecoverDirectory, GivesTheOldOneItsNameBack) {
  const TempDir directory;
  fs::create_directories(directory / ".plan.12-1.old");
  write_file_atomic(directory / ".plan.12-1.old/plan.json", "old");
  fs::create_directories(directory / ".plan.12-0.tmp");  // the one that never came
  recover_directory(directory / "plan");
  EXPECT_EQ(read_file(directory / "plan/plan.json"), "old");
  EXPECT_FALSE(fs::exists(directory / ".plan.12-1.old"));
  EXPECT_FALSE(fs::exists(directory / ".plan.12-0.tmp"));
}

TEST(RecoverDirectory, AnOldOneWhoseSuccessorIsThereGoes) {
  const TempDir directory;
  fs::create_directories(directory / ".plan.12-1.old");
  fs::create_directories(directory / "plan");
  write_file_atomic(directory / "plan/plan.json", "new");
  remove_dead_temporaries(directory.path());
  EXPECT_EQ(read_file(directory / "plan/plan.json"), "new");
  EXPECT_FALSE(fs::exists(directory / ".plan.12-1.old"));
}

}  // namespace
}  // namespace triage
