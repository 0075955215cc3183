#include <gmock/gmock.h>

#include "model/onnx/read.h"
#include "workflow/build/plan_source.h"
#include "workflow/run/run_test_support.h"

namespace triage::workflow {
namespace {

using testing::HasSubstr;

const std::string kNet =
    "[[stage]]\nname = \"net\"\narch = \"residual:4-4-8s4/2\"\nfeatures_block = 0\nbatch = 64\nepochs = 1\n";

TEST(FamilyStages, AreFilesThatSayWhatTheNetworkSays) {
  const RunBench bench;
  const Workspace w = bench.workspace(kNet);
  fs::create_directories(w.run / "checkpoint");
  train_stages(w);
  const std::vector<StageSource> stages = trained_stages(w);  // held to LibTorch
  ASSERT_EQ(stages.size(), 1U);
  ASSERT_TRUE(stages[0].imported);
  const ImportedStage& made = *stages[0].imported;
  EXPECT_EQ(made.file, w.run / "imported/net.onnx");
  const plan::Stage& stage = made.net.stage;
  EXPECT_EQ(stage.sha256, sha256_file(made.file));
  EXPECT_TRUE(stage.arch.blocks.empty());
  EXPECT_FALSE(stage.preprocess);
  EXPECT_EQ(stage.feature_width, 4);
  EXPECT_EQ(stage.macs, w.size(w.config.stages[0]).macs);
  EXPECT_EQ(model::read_onnx(made.file).metadata.at("triage.arch"), "residual:4-4-8s4/2");
  EXPECT_EQ(trained_stages(w)[0].imported->net.stage.sha256, stage.sha256);  // again: the same bytes
}

// What the trainer says of held-out images (train::accuracy asks so) is what the plan's stage says of what the runtime
// prepares, of images that become smaller and larger.
TEST(FamilyStages, OfAResolutionOfTheirOwnAnswerAsTheTrainerDoes) {
  for (const char* side : {"@12", "@20"}) {
    const RunBench bench;
    std::string net = kNet;
    net.insert(net.find("/2\"") + 2, side);
    const Workspace w = bench.workspace(net);
    fs::create_directories(w.run / "checkpoint");
    train_stages(w);
    const plan::Stage stage = trained_stages(w)[0].imported->net.stage;
    ASSERT_TRUE(stage.preprocess);
    EXPECT_EQ(stage.macs, w.size(w.config.stages[0]).macs);
    const auto session = open_stage(w.run / "imported", stage.onnx);
    const std::vector<float> prepared = network_inputs(w, w.splits.validation, stage.preprocess);
    const auto images = static_cast<int>(w.splits.validation.size());
    const std::size_t classes = w.dataset.info().classes.size();
    std::vector<float> found(static_cast<std::size_t>(images) * classes), features(found.size() * 4);
    ASSERT_TRUE(session->run(images, {.input = prepared.data(), .logits = found.data(), .features = features.data()}));

    const supernet::AnyNetwork network = train::load_trained(w.job(w.config.stages[0]), train::ComputeType::fp32);
    const at::NoGradGuard no_grad;
    const data::Batch batch = data::make_eval_batch(w.dataset, w.splits.validation, w.normalization,
                                                    data::PixelType::fp32, train::seen_size(*network));
    const at::Tensor logits =
        network->forward(train::to_tensor(batch, data::PixelType::fp32, at::kCPU)).logits.contiguous();
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], logits.const_data_ptr<float>()[i], 1e-4) << side << " " << i;
  }
}

TEST(FamilyStages, ANetWithExitsIsCutBehindThem) {
  const RunBench bench;
  std::string net = kNet + "exits = [0]\n";
  net.insert(net.find("/2\"") + 2, "@12");
  const Workspace w = bench.workspace(net);
  fs::create_directories(w.run / "checkpoint");
  train_stages(w);
  const std::vector<StageSource> stages = trained_stages(w);
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[0].name, "net_exit0");
  EXPECT_TRUE(stages[0].carry);
  EXPECT_EQ(stages[1].name, "net");
  EXPECT_EQ(stages[1].source, 0);
  EXPECT_EQ(stages[0].imported->net.stage.preprocess.value().height, 12);
  EXPECT_FALSE(stages[1].imported->net.stage.preprocess);
  EXPECT_EQ(stages[0].imported->net.stage.feature_width, 4);
  EXPECT_EQ(stages[1].imported->net.stage.feature_width, 0);
  const auto first = open_stage(w.run / "imported", "net_exit0.onnx"),
             second = open_stage(w.run / "imported", "net.onnx");
  EXPECT_EQ(second->info().input_size, first->info().carry_size);
}

TEST(FamilyStages, NeedTheirWeights) {
  const RunBench bench;
  const Workspace w = bench.workspace(kNet);
  EXPECT_THAT(error_of([&] { trained_stages(w); }), HasSubstr("net_best.pt"));
}

}  // namespace
}  // namespace triage::workflow
