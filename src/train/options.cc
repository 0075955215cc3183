#include "train/options.h"

namespace triage::train {

void read_train_options(ConfigSection& section, TrainOptions& o) {
  section.read("epochs", o.epochs, 0, 10000);
  section.read("batch", o.batch, 2, 65536);
  section.read("lr", o.lr, 1e-8, 100);
  section.read("momentum", o.momentum, 0, 0.9999);
  section.read("weight_decay", o.weight_decay, 0, 1);
  section.read("warmup", o.warmup, 0, 1);
  section.read("final_lr", o.final_lr, 0, 1);
  section.read("bias_lr_scale", o.bias_lr_scale, 0, 1000);
  section.read("label_smoothing", o.label_smoothing, 0, 0.99);
  std::string weights = o.class_weights == ClassWeights::balanced ? "balanced" : "none";
  section.read("class_weights", weights);
  if (weights != "none" && weights != "balanced") section.fail_at("class_weights", "none or balanced");
  o.class_weights = weights == "balanced" ? ClassWeights::balanced : ClassWeights::none;
  section.read("average_decay", o.average_decay, 0, 0.999999);
  section.read("whitened_stem", o.whitened_stem);
  section.read("freeze_stem", o.freeze_stem);
  section.read("residual", o.residual);
  section.read("head_scale", o.head_scale, 1e-4, 100);
  section.read("validate_every", o.validate_every, 1, 10000);
  ConfigSection augment = section.section("augment");
  augment.read("shift", o.augment.shift, 0, 16);
  augment.read("flip", o.augment.flip);
  augment.read("cutout", o.augment.cutout, 0, 64);
  augment.finish();
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
      {"augment", {{"shift", o.augment.shift}, {"flip", o.augment.flip}, {"cutout", o.augment.cutout}}},
      {"distill", {{"temperature", o.distill.temperature}, {"mix", o.distill.mix}, {"views", o.distill.views}}}};
  if (o.residual) json["residual"] = true;
  if (o.class_weights == ClassWeights::balanced) json["class_weights"] = "balanced";
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
