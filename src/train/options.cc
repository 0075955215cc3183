#include "train/options.h"

#include <algorithm>
#include <array>

namespace triage::train {
namespace {

constexpr std::array kDecayed = {"norms", "biases", "heads"};

// Defaults of torch.optim.AdamW.
constexpr double kAdamWRate = 1e-3, kAdamWDecay = 1e-2;

// The place of what `key` says in `names`; what is absent stays at `value`.
template <std::size_t kNames>
std::size_t read_name(ConfigSection& section, const char* key, const std::array<const char*, kNames>& names,
                      std::size_t value) {
  std::string text = names[value];
  section.read(key, text);
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  std::string expected = names[0];
  for (std::size_t i = 1; i < kNames; ++i) expected += (i + 1 < kNames ? ", " : " or ") + std::string(names[i]);
  section.fail_at(key, expected);
}

// Keys that mean nothing beside `what`.
void refuse_keys(const ConfigSection& section, std::initializer_list<const char*> keys, const char* what) {
  for (const char* key : keys)
    if (section.has(key)) section.fail_at(key, std::string("no such key beside ") + what);
}

void read_optimizer(ConfigSection& section, TrainOptions& o) {
  const OptimizerKind before = o.optimizer;
  o.optimizer = static_cast<OptimizerKind>(
      read_name<2>(section, "optimizer", {"sgd", "adamw"}, static_cast<std::size_t>(before)));
  const bool adamw = o.optimizer == OptimizerKind::adamw;
  if (adamw && before != o.optimizer) {
    o.lr = kAdamWRate;
    o.weight_decay = kAdamWDecay;
    o.bias_lr_scale = 1;
  }
  if (adamw)
    refuse_keys(section, {"momentum"}, "optimizer = \"adamw\", which has beta1 and beta2");
  else
    refuse_keys(section, {"beta1", "beta2", "epsilon"}, "optimizer = \"sgd\"");
  section.read("lr", o.lr, 1e-8, 100);
  section.read("momentum", o.momentum, 0, 0.9999);
  section.read("beta1", o.beta1, 0, 0.9999);
  section.read("beta2", o.beta2, 0, 0.999999);
  section.read("epsilon", o.epsilon, 1e-12, 1);
  section.read("weight_decay", o.weight_decay, 0, 1);
  section.read("bias_lr_scale", o.bias_lr_scale, 0, 1000);
  section.read("no_weight_decay", o.no_weight_decay);
  for (const std::string& name : o.no_weight_decay)
    if (std::ranges::find(kDecayed, name) == kDecayed.end())
      section.fail_at("no_weight_decay", "a list of norms, biases, heads");
  section.read("clip_norm", o.clip_norm, 0, 1e6);
}

void read_schedule(ConfigSection& section, TrainOptions& o) {
  o.schedule = static_cast<Schedule>(
      read_name<3>(section, "schedule", {"linear", "cosine", "step"}, static_cast<std::size_t>(o.schedule)));
  const bool steps = o.schedule == Schedule::step;
  if (steps)
    refuse_keys(section, {"final_lr"}, "schedule = \"step\", which has milestones and gamma");
  else
    refuse_keys(section, {"milestones", "gamma"}, "a schedule other than \"step\"");
  section.read("warmup", o.warmup, 0, 1);
  section.read("final_lr", o.final_lr, 0, 1);
  section.read("milestones", o.milestones, 1, 9999);
  section.read("gamma", o.gamma, 0, 1);
  const bool rising = std::ranges::adjacent_find(o.milestones, std::greater_equal()) == o.milestones.end();
  if (steps && (o.milestones.empty() || !rising || o.milestones.back() >= o.epochs))
    section.fail_at(section.has("milestones") ? "milestones" : "schedule",
                    "'milestones' beside it: epochs before the last, rising");
}

void read_augmentation(ConfigSection section, TrainOptions& o) {
  data::AugmentOptions& a = o.augment;
  section.read("shift", a.shift, 0, 16);
  section.read("flip", a.flip);
  section.read("cutout", a.cutout, 0, 64);
  section.read("crop_area", a.crop_area, 0.01, 1);
  section.read("trivial_augment", a.trivial_augment, 0, 1);
  section.read("brightness", a.brightness, 0, 1);
  section.read("contrast", a.contrast, 0, 1);
  section.read("saturation", a.saturation, 0, 1);
  section.read("erase", a.erase, 0, 1);
  section.read("mixup", a.mixup, 0, 100);
  section.read("cutmix", a.cutmix, 0, 100);
  section.read("clean_epochs", a.clean_epochs, 0, 10000);
  if (a.clean_epochs > 0 && !a.mixes()) section.fail_at("clean_epochs", "mixup or cutmix beside it");
  if (a.clean_epochs > o.epochs)
    section.fail_at("clean_epochs", "at most the epochs of the training, " + std::to_string(o.epochs));
  section.finish();
}

Json to_json(const data::AugmentOptions& a) {
  Json json = {{"shift", a.shift}, {"flip", a.flip}, {"cutout", a.cutout}};
  const data::AugmentOptions none;
  const auto add = [&](const char* key, auto value, auto without) {
    if (value != without) json[key] = value;
  };
  add("crop_area", a.crop_area, none.crop_area);
  add("trivial_augment", a.trivial_augment, none.trivial_augment);
  add("brightness", a.brightness, none.brightness);
  add("contrast", a.contrast, none.contrast);
  add("saturation", a.saturation, none.saturation);
  add("erase", a.erase, none.erase);
  add("mixup", a.mixup, none.mixup);
  add("cutmix", a.cutmix, none.cutmix);
  add("clean_epochs", a.clean_epochs, none.clean_epochs);
  return json;
}

// The fields that are younger than the first runs, where they are not as those had them.
void add_newer(Json& json, const TrainOptions& o) {
  if (o.residual) json["residual"] = true;
  if (o.class_weights == ClassWeights::balanced) json["class_weights"] = "balanced";
  if (o.optimizer == OptimizerKind::adamw) {
    json["optimizer"] = "adamw";
    json["beta1"] = o.beta1;
    json["beta2"] = o.beta2;
    json["epsilon"] = o.epsilon;
  }
  if (!o.no_weight_decay.empty()) json["no_weight_decay"] = o.no_weight_decay;
  if (o.clip_norm > 0) json["clip_norm"] = o.clip_norm;
  if (o.schedule == Schedule::cosine) json["schedule"] = "cosine";
  if (o.schedule == Schedule::step) {
    json["schedule"] = "step";
    json["milestones"] = o.milestones;
    json["gamma"] = o.gamma;
  }
}

}  // namespace

TrainOptions other_family_defaults() {
  TrainOptions o;
  o.batch = 256;
  o.lr = 0.2;
  o.momentum = 0.9;
  o.weight_decay = 5e-4;
  o.bias_lr_scale = 1;
  o.label_smoothing = 0.1;
  o.whitened_stem = o.freeze_stem = false;
  o.head_scale = 1;
  return o;
}

void read_train_options(ConfigSection& section, TrainOptions& o) {
  section.read("epochs", o.epochs, 0, 10000);
  section.read("batch", o.batch, 2, 65536);
  read_optimizer(section, o);
  read_schedule(section, o);
  section.read("label_smoothing", o.label_smoothing, 0, 0.99);
  o.class_weights = static_cast<ClassWeights>(
      read_name<2>(section, "class_weights", {"none", "balanced"}, static_cast<std::size_t>(o.class_weights)));
  section.read("average_decay", o.average_decay, 0, 0.999999);
  section.read("whitened_stem", o.whitened_stem);
  section.read("freeze_stem", o.freeze_stem);
  section.read("residual", o.residual);
  section.read("head_scale", o.head_scale, 1e-4, 100);
  section.read("validate_every", o.validate_every, 1, 10000);
  read_augmentation(section.section("augment"), o);
  ConfigSection distill = section.section("distill");
  distill.read("temperature", o.distill.temperature, 0.1, 100);
  distill.read("mix", o.distill.mix, 0, 1);
  distill.read("views", o.distill.views, 0, 10000);
  distill.finish();
}

void read_exit_options(ConfigSection& section, SupernetOptions& o) {
  section.read("exits", o.exits, 0, 255);
  section.read("exit_gradient", o.exit_gradient, 0, 1);
  section.read("exit_weight", o.exit_weight, 0, 100);
}

void read_supernet_options(ConfigSection& section, SupernetOptions& o) {
  read_exit_options(section, o);
  section.read("random_subnets", o.random_subnets, 0, 100);
  section.read("random_images", o.random_images, 0, 1 << 20);
  section.read("subnet_weight", o.subnet_weight, 0, 100);
  section.read("subnets", o.subnets);
}

Json to_json(const TrainOptions& o) {
  Json json = {
      {"epochs", o.epochs},
      {"batch", o.batch},
      {"lr", o.lr},
      {"momentum", o.momentum},
      {"weight_decay", o.weight_decay},
      {"warmup", o.warmup},
      {"final_lr", o.final_lr},
      {"bias_lr_scale", o.bias_lr_scale},
      {"label_smoothing", o.label_smoothing},
      {"average_decay", o.average_decay},
      {"whitened_stem", o.whitened_stem},
      {"freeze_stem", o.freeze_stem},
      {"head_scale", o.head_scale},
      {"validate_every", o.validate_every},
      {"augment", to_json(o.augment)},
      {"distill", {{"temperature", o.distill.temperature}, {"mix", o.distill.mix}, {"views", o.distill.views}}}};
  add_newer(json, o);
  return json;
}

Json to_json(const SupernetOptions& o) {
  Json json = {{"exits", o.exits},
               {"exit_gradient", o.exit_gradient},
               {"exit_weight", o.exit_weight},
               {"random_subnets", o.random_subnets},
               {"subnet_weight", o.subnet_weight}};
  if (o.random_images > 0) json["random_images"] = o.random_images;
  if (!o.subnets.empty()) json["subnets"] = o.subnets;
  return json;
}

ComputeType compute_type_from_string(const std::string& text) {
  if (text == "bf16") return ComputeType::bf16;
  if (text == "fp32") return ComputeType::fp32;
  fail("precision: expected 'bf16' or 'fp32', found '{}'", text);
}

const char* to_string(ComputeType precision) { return precision == ComputeType::bf16 ? "bf16" : "fp32"; }

}  // namespace triage::train
