#include "workflow/config/plan_data.h"

#include "data/import/import.h"
#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

// A run with a plan in plan/ whose configuration names data.tds.
struct PlanOfRun {
  TempDir run;
  fs::path plan = run / "plan";
  PlanOfRun() {
    fs::create_directories(plan);
    write_file_atomic(run / "config.toml", kTwoStages);
  }
};

TEST(PlanData, AConfigurationIsFoundBesideThePlanOrAboveIt) {
  const PlanOfRun made;
  EXPECT_EQ(config_of_plan(made.plan)->name, "pair");
  EXPECT_EQ(config_of_plan(made.run.path())->name, "pair");
  EXPECT_EQ(directory_of_config(made.plan), made.plan / "..");
  const TempDir nothing;
  fs::create_directories(nothing / "deep" / "er");
  EXPECT_FALSE(config_of_plan(nothing / "deep" / "er"));
  EXPECT_THAT(error_of([&] { directory_of_config(nothing / "deep" / "er"); }), HasSubstr("found none"));
}

TEST(PlanData, OfASearchsPlanItIsTheSupernets) {
  const TempDir supernet, search;
  write_file_atomic(supernet / "config.toml", kSupernet);
  write_file_atomic(search / "config.toml",
                    "name = \"s\"\n[search]\nsupernet = \"" + supernet.path().string() + "\"\n");
  fs::create_directories(search / "plan");
  EXPECT_EQ(config_of_plan(search / "plan")->name, "net");
}

TEST(PlanData, WhatIsGivenIsTaken) {
  EXPECT_EQ(data_of_plan("no/such/plan", "given.tds"), "given.tds");
  EXPECT_THAT(error_of([] { data_of_plan("no/such/plan", ""); }), HasSubstr("no/such/plan: expected a plan directory"));
}

TEST(PlanData, ASplitNeedsTheConfigurationThatCutIt) {
  const TempDir nothing;
  fs::create_directories(nothing / "deep" / "er");
  const fs::path file = nothing / "d.tds";
  data::write_dataset(data::generate({.train_count = 60, .test_count = 8}), file);
  const data::Dataset dataset = data::Dataset::open(file);
  EXPECT_THAT(error_of([&] { split_of_plan(nothing / "deep" / "er", "route", dataset); }),
              HasSubstr("--split route: expected the config.toml that says how the data was split"));
}

TEST(PlanData, ASplitIsCutAsTheRunCutIt) {
  const PlanOfRun made;
  write_file_atomic(made.run / "config.toml", "seed = 4\n" + kTwoStages);
  const fs::path file = made.run / "d.tds";
  data::write_dataset(data::generate({.train_count = 400, .test_count = 8}), file);
  const data::Dataset dataset = data::Dataset::open(file);
  const data::Splits expected = data::make_splits(dataset, data::resolve_splits(dataset.info(), {}, {}, 4));
  EXPECT_EQ(split_of_plan(made.plan, "route", dataset), expected.route);
  EXPECT_EQ(split_of_plan(made.plan, "validation", dataset), expected.validation);
  EXPECT_NE(expected.route, expected.validation);
}

}  // namespace
}  // namespace triage::workflow
