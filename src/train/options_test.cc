#include "train/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::train {
namespace {

using testing::HasSubstr;

TrainOptions trained(const std::string& text) {
  TrainOptions options;
  ConfigSection section = Config::parse(text, "t.toml").root();
  read_train_options(section, options);
  section.finish();
  return options;
}
std::string refused(const std::string& text) {
  return error_of([&] { trained(text); });
}
SupernetOptions supernet(const std::string& text) {
  SupernetOptions options;
  ConfigSection section = Config::parse(text, "t.toml").root();
  read_supernet_options(section, options);
  section.finish();
  return options;
}

TEST(TrainOptions, AnEmptySectionHasTheDefaults) { EXPECT_EQ(to_json(trained("")), to_json(TrainOptions{})); }

TEST(TrainOptions, EveryKeyThatIsWrittenIsReadAgain) {
  const TrainOptions options = trained(R"(
epochs = 3
batch = 64
lr = 0.25
momentum = 0.5
weight_decay = 0.01
warmup = 0.5
final_lr = 0.5
bias_lr_scale = 2
label_smoothing = 0.1
average_decay = 0.5
whitened_stem = false
freeze_stem = false
residual = true
head_scale = 1
validate_every = 2
[augment]
shift = 1
flip = false
cutout = 3
crop_area = 0.5
trivial_augment = 0.5
brightness = 0.1
contrast = 0.2
saturation = 0.3
erase = 0.4
mixup = 0.2
cutmix = 1
clean_epochs = 1
[distill]
temperature = 3
mix = 0.25
views = 4
)");
  const Json json = to_json(options), defaults = to_json(TrainOptions{});
  for (const auto& [key, value] : json.items()) {
    if (!value.is_object()) {
      EXPECT_NE(value, defaults.value(key, Json())) << key;
      continue;
    }
    for (const auto& [inner, its] : value.items())
      EXPECT_NE(its, defaults[key].value(inner, Json())) << key << '.' << inner;
  }
  EXPECT_EQ(json["distill"]["views"], 4);
  EXPECT_EQ(json["augment"]["cutout"], 3);
  EXPECT_EQ(json["augment"].size(), 12u);
}

TEST(TrainOptions, AnOptimizerHasItsOwnDefaultsAndKeys) {
  const TrainOptions options =
      trained("optimizer = \"adamw\"\nbeta2 = 0.99\nno_weight_decay = [\"norms\"]\nclip_norm = 1");
  EXPECT_EQ(options.optimizer, OptimizerKind::adamw);
  EXPECT_EQ(options.lr, 1e-3);
  EXPECT_EQ(options.weight_decay, 1e-2);
  EXPECT_EQ(options.bias_lr_scale, 1);
  const Json json = to_json(options);
  EXPECT_EQ(json["optimizer"], "adamw");
  EXPECT_EQ(json["beta2"], 0.99);
  EXPECT_EQ(json["no_weight_decay"], Json({"norms"}));
  EXPECT_EQ(json["clip_norm"], 1);
  EXPECT_THAT(refused("optimizer = \"adam\""), HasSubstr("t.toml:1: key 'optimizer': expected sgd or adamw, found"));
  EXPECT_THAT(refused("optimizer = \"adamw\"\nmomentum = 0.9"),
              HasSubstr("t.toml:2: key 'momentum': expected no such key beside optimizer = \"adamw\""));
  EXPECT_THAT(refused("beta1 = 0.9"), HasSubstr("key 'beta1': expected no such key beside optimizer = \"sgd\""));
  EXPECT_THAT(refused("no_weight_decay = [\"stem\"]"), HasSubstr("expected a list of norms, biases, heads"));
}

TEST(TrainOptions, AScheduleHasItsOwnKeys) {
  const TrainOptions options = trained("epochs = 9\nschedule = \"step\"\nmilestones = [3, 6]\ngamma = 0.2");
  EXPECT_EQ(to_json(options)["milestones"], Json({3, 6}));
  EXPECT_EQ(to_json(options)["gamma"], 0.2);
  EXPECT_EQ(to_json(trained("schedule = \"cosine\"\nfinal_lr = 0"))["schedule"], "cosine");
  EXPECT_THAT(refused("schedule = \"step\""), HasSubstr("'milestones' beside it"));
  for (const char* milestones : {"[6, 3]", "[3, 3]", "[3, 9]"})
    EXPECT_THAT(refused(std::string("epochs = 9\nschedule = \"step\"\nmilestones = ") + milestones),
                HasSubstr("key 'milestones': expected 'milestones' beside it: epochs before the last, rising"));
  EXPECT_THAT(refused("milestones = [3]"), HasSubstr("no such key beside a schedule other than \"step\""));
  EXPECT_THAT(refused("schedule = \"step\"\nmilestones = [3]\nfinal_lr = 0.1"), HasSubstr("key 'final_lr'"));
  EXPECT_THAT(refused("schedule = \"poly\""), HasSubstr("expected linear, cosine or step, found"));
}

TEST(TrainOptions, OutOfRangeIsRefusedWithTheRange) {
  EXPECT_EQ(refused("epochs = -1"), "t.toml:1: key 'epochs': expected an integer from 0 to 10000, found -1");
  EXPECT_EQ(refused("batch = 1"), "t.toml:1: key 'batch': expected an integer from 2 to 65536, found 1");
  EXPECT_THAT(refused("momentum = 1"), HasSubstr("key 'momentum': expected a number from 0 to 0.9999"));
  EXPECT_THAT(refused("label_smoothing = 1"), HasSubstr("key 'label_smoothing'"));
  EXPECT_THAT(refused("lr = 0"), HasSubstr("key 'lr'"));
  EXPECT_THAT(refused("validate_every = 0"), HasSubstr("key 'validate_every'"));
  EXPECT_THAT(refused("[augment]\nshift = 17"), HasSubstr("t.toml:2: key 'augment.shift'"));
  EXPECT_THAT(refused("[augment]\nclean_epochs = 2"),
              HasSubstr("key 'augment.clean_epochs': expected mixup or cutmix beside it"));
  EXPECT_THAT(refused("epochs = 3\n[augment]\nmixup = 1\nclean_epochs = 4"),
              HasSubstr("expected at most the epochs of the training, 3"));
  EXPECT_THAT(refused("[augment]\nerase = 2"), HasSubstr("key 'augment.erase'"));
  EXPECT_THAT(refused("[distill]\ntemperature = 0"), HasSubstr("t.toml:2: key 'distill.temperature'"));
}

TEST(TrainOptions, AWrongTypeIsRefused) {
  EXPECT_THAT(refused("epochs = 2.5"), HasSubstr("expected an integer"));
  EXPECT_THAT(refused("residual = 1"), HasSubstr("expected true or false, found 1"));
  EXPECT_THAT(refused("lr = \"fast\""), HasSubstr("expected a number"));
  EXPECT_THAT(refused("augment = true"), HasSubstr("key 'augment': expected a table"));
}

TEST(TrainOptions, AnUnknownKeyOfATableInsideIsNamed) {
  EXPECT_THAT(refused("[augment]\nmirror = true"),
              HasSubstr("t.toml:2: key 'augment.mirror' is unknown; expected one of: "));
  EXPECT_THAT(refused("[distill]\nteacher = \"big\""), HasSubstr("key 'distill.teacher' is unknown"));
}

// What was trained before a key existed goes on.
TEST(TrainOptions, NewerKeysAreLeftOutOfTheIdentityWhereTheyHaveTheirDefaults) {
  const Json json = to_json(TrainOptions{});
  EXPECT_FALSE(json.contains("residual"));
  EXPECT_FALSE(json.contains("class_weights"));
  EXPECT_EQ(json["augment"].size(), 3u);
  for (const char* key : {"optimizer", "beta1", "no_weight_decay", "clip_norm", "schedule", "milestones", "gamma"})
    EXPECT_FALSE(json.contains(key)) << key;
  EXPECT_FALSE(to_json(SupernetOptions{}).contains("random_images"));
  EXPECT_FALSE(to_json(SupernetOptions{}).contains("subnets"));
}

TEST(SupernetOptions, KeysAreReadAndChecked) {
  const SupernetOptions options = supernet(
      "exits = [0, 2]\nexit_gradient = 0.5\nexit_weight = 2\nrandom_subnets = 3\nrandom_images = 16\n"
      "subnet_weight = 0.5\nsubnets = [\"8-16\"]\n");
  EXPECT_THAT(options.exits, testing::ElementsAre(0, 2));
  EXPECT_EQ(options.random_subnets, 3);
  EXPECT_EQ(options.random_images, 16);
  EXPECT_EQ(to_json(options)["subnets"], Json({"8-16"}));
  EXPECT_THAT(error_of([] { supernet("exits = [256]"); }), HasSubstr("expected integers from 0 to 255 in the list"));
  EXPECT_THAT(error_of([] { supernet("exit_gradient = 1.1"); }), HasSubstr("key 'exit_gradient'"));
}

TEST(SupernetOptions, OfAStageTheExitsAloneAreRead) {
  SupernetOptions options;
  ConfigSection section = Config::parse("exits = [1]\nrandom_subnets = 3\n", "t.toml").root();
  read_exit_options(section, options);
  EXPECT_THAT(options.exits, testing::ElementsAre(1));
  EXPECT_THAT(error_of([&] { section.finish(); }), HasSubstr("key 'random_subnets' is unknown"));
}

TEST(ComputeType, HasANameEachWay) {
  for (const ComputeType precision : {ComputeType::bf16, ComputeType::fp32})
    EXPECT_EQ(compute_type_from_string(to_string(precision)), precision);
  EXPECT_THAT(error_of([] { compute_type_from_string("fp16"); }), HasSubstr("expected 'bf16' or 'fp32', found 'fp16'"));
}

}  // namespace
}  // namespace triage::train
