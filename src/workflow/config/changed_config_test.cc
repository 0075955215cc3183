#include "workflow/config/changed_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

TEST(ChangedConfig, WithoutChangesTheTextStaysAsItIs) {
  const ConfigFile file(kTwoStages);
  EXPECT_EQ(load_changed_config(file.path(), {}).text, kTwoStages);
}

TEST(ChangedConfig, EpochsHoldForEveryNetworkThatIsTrained) {
  const ConfigFile file(kTwoStages + "epochs = 0\nfrom = \"zoo/net\"\n");  // of the last stage
  const RunConfig config = load_changed_config(file.path(), {.epochs = 3});
  EXPECT_EQ(config.stages[0].train.epochs, 3);
  EXPECT_EQ(config.stages[1].train.epochs, 0);  // weights as they are
}

TEST(ChangedConfig, ANetworkGoesOnFromItsOwnBestWeights) {
  const ConfigFile file(kTwoStages);
  const TempDir before;
  write_file_atomic(before / "little_best.pt", "");
  EXPECT_EQ(error_of([&] { load_changed_config(file.path(), {.from = before.path()}); }),
            "--from: expected the finished run of these networks, found no " + (before / "big_best.pt").string());
  write_file_atomic(before / "big_best.pt", "");
  const RunConfig config = load_changed_config(file.path(), {.from = before.path()});
  EXPECT_EQ(config.stages[0].from, (before / "little_best.pt").string());
  EXPECT_EQ(config.stages[1].from, (before / "big_best.pt").string());
  EXPECT_NE(config.text, kTwoStages);  // the run directory keeps where its weights came from
}

TEST(ChangedConfig, ASupernetGoesOnFromItsDirectory) {
  const ConfigFile file(kSupernet);
  const TempDir before;
  write_file_atomic(before / "supernet.pt", "");
  EXPECT_EQ(load_changed_config(file.path(), {.from = before.path()}).supernet->from, before.path().string());
}

TEST(ChangedConfig, SettingsComeFirst) {
  const ConfigFile file(kTwoStages);
  const RunConfig config = load_changed_config(file.path(), {.settings = {"stage.big.epochs=9"}, .epochs = 2});
  EXPECT_EQ(config.stages[1].train.epochs, 2);
}

}  // namespace
}  // namespace triage::workflow
