#include "workflow/run/new_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::workflow {
namespace {

using testing::Contains;
using testing::Not;

// A run whose new plan has these files beside plan.json, each holding `text`.
void publish(const fs::path& run, const std::vector<std::string>& files, const std::string& text) {
  NewPlan made(run);
  for (const std::string& file : files) write_file_atomic(made.directory() / file, text);
  made.publish();
}

TEST(NewPlan, UntilItIsPublishedNothingOfBeforeChanges) {
  const TempDir run;
  publish(run.path(), {"plan.json", "costs.json"}, "before");
  {
    NewPlan given_up(run.path());
    write_file_atomic(given_up.directory() / "costs.json", "after");
  }
  EXPECT_EQ(read_file(run / "costs.json"), "before");
  EXPECT_EQ(read_file(run / "plan" / "costs.json"), "before");
  EXPECT_EQ(entries(run.path()), 2u);  // plan/ and the link: nothing is left of the other
}

TEST(NewPlan, WhatTheRunHasAreLinksSoThatItChangesWithThePlan) {
  const TempDir run;
  publish(run.path(), {"plan.json", "costs.json", "router.pt"}, "one");
  EXPECT_TRUE(fs::is_symlink(run / "costs.json"));
  EXPECT_FALSE(fs::exists(run / "plan.json"));
  publish(run.path(), {"plan.json", "costs.json"}, "two");
  EXPECT_EQ(read_file(run / "costs.json"), "two");
  EXPECT_FALSE(fs::exists(fs::symlink_status(run / "router.pt")));  // the new plan has none
}

TEST(NewPlan, FilesOfOthersInThePlansDirectoryStay) {
  const TempDir run;
  publish(run.path(), {"plan.json"}, "one");
  write_file_atomic(run / "plan" / "notes.txt", "mine");
  publish(run.path(), {"plan.json"}, "two");
  EXPECT_EQ(read_file(run / "plan" / "notes.txt"), "mine");
  EXPECT_EQ(read_file(run / "plan" / "plan.json"), "two");
}

TEST(NewPlan, ARunOfBeforeThatHasTheFilesThemselvesGetsLinks) {
  const TempDir run;
  fs::create_directories(run / "plan");
  write_file_atomic(run / "plan" / "plan.json", "old");
  write_file_atomic(run / "costs.json", "old");
  publish(run.path(), {"plan.json", "costs.json"}, "new");
  EXPECT_TRUE(fs::is_symlink(run / "costs.json"));
  EXPECT_EQ(read_file(run / "costs.json"), "new");
}

TEST(NewPlan, OfAPlanThatCannotBeReadTheStagesStay) {
  const TempDir run;
  fs::create_directories(run / "plan");
  write_file_atomic(run / "plan" / "plan.json", "broken");
  EXPECT_THAT(files_of_plan(run / "plan"), Contains("plan.json"));
  EXPECT_THAT(files_of_plan(run / "plan"), Not(Contains("big.onnx")));
  EXPECT_TRUE(files_of_plan(run / "none").empty());
}

}  // namespace
}  // namespace triage::workflow
