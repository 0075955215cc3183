#include "workflow/suggest/initial_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;
using testing::Not;

InitialConfig pair_of(int side) {
  return {
      .name = "photos \"of\" mine",
      .data = "data/\xc3\xa9 photos.tds",
      .side = side,
      .little = {.net = {.arch = "8-16", .macs = 1'000'000, .latency_us = 50}, .images_per_second = 4000},
      .big = {.net = {.arch = "residual:8-8x2-16x2/2", .macs = 9'000'000, .latency_us = 200}, .images_per_second = 900},
      .choice = {.epochs = 12, .batch = 64, .minutes = 20, .mean_latency_us = 100, .enough_epochs = 10},
      .allowed = {.images = 5000, .minutes = 30, .most_latency_us = 120},
      .notes = {"drawn: \x1b[31mred"}};
}

TEST(InitialConfig, IsReadAsItWasMeant) {
  for (const int side : {28, 32, 128}) {
    const std::string text = initial_config_text(pair_of(side));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    const RunConfig config = run_config(text);
    EXPECT_EQ(config.name, "photos \"of\" mine");
    EXPECT_EQ(config.data, "data/\xc3\xa9 photos.tds");
    ASSERT_EQ(config.stages.size(), 2u);
    EXPECT_EQ(config.stages[0].name, "little");
    EXPECT_EQ(config.stages[0].teacher, "big");
    EXPECT_EQ(config.stages[0].train.distill.views, 8);
    EXPECT_EQ(config.stages[1].name, "big");
    EXPECT_EQ(config.target.latency_us, 120);
    for (const StageConfig& stage : config.stages) {
      EXPECT_EQ(stage.train.epochs, 12);
      EXPECT_EQ(stage.train.batch, 64);
      EXPECT_DOUBLE_EQ(stage.train.lr, stage.name == "big" ? 0.05 : 0.075);  // 0.2 of 256, and 0.6 of 512
      EXPECT_EQ(stage.train.augment.crop_area, side == 128 ? 0.35 : 1);
      EXPECT_EQ(stage.train.augment.trivial_augment, side == 128 ? 0.5 : 0);
    }
  }
}

TEST(InitialConfig, LongTrainingsAreNotValidatedBehindEveryEpoch) {
  InitialConfig config = pair_of(32);
  for (const auto& [epochs, every] : {std::pair{39, 1}, {40, 2}, {92, 4}, {240, 12}}) {
    config.choice.epochs = epochs;
    for (const StageConfig& stage : run_config(initial_config_text(config)).stages)
      EXPECT_EQ(stage.train.validate_every, every) << epochs;
  }
}

TEST(InitialConfig, SaysWhyAndWhatIsTooLittle) {
  InitialConfig config = pair_of(32);
  EXPECT_THAT(initial_config_text(config), HasSubstr("for 12 epochs in 30 minutes; 5000 images"));
  EXPECT_THAT(initial_config_text(config), Not(HasSubstr("more time")));
  config.choice.enough_epochs = 40;
  EXPECT_THAT(initial_config_text(config), HasSubstr("want about 40, so more time makes it better"));
  config.allowed.most_latency_us.reset();
  EXPECT_THAT(initial_config_text(config), Not(HasSubstr("[build]")));
}

TEST(InitialConfig, TrialsAreOfAllNets) {
  const RunConfig config = run_config(trial_config_text("a.tds", 96, {{.arch = "8-16"}, {.arch = "16-32"}}, 32, 50));
  ASSERT_EQ(config.stages.size(), 2u);
  EXPECT_EQ(config.stages[1].train.epochs, 1);
  EXPECT_EQ(config.stages[1].train.augment.trivial_augment, 0.5);
  EXPECT_EQ(config.stages[1].train.batch, 32);
  EXPECT_EQ(config.route->images, 50u);
}

}  // namespace
}  // namespace triage::workflow
