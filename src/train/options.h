// How one network is trained: a plain struct with defaults and units, read from a [[stage]] table of a configuration.
#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"
#include "data/loader.h"

namespace triage::train {

// Knowledge distillation (Hinton, Vinyals, Dean 2015): loss = mix * T^2 * KL(teacher_T || student_T) + (1 - mix) *
// labels.
struct DistillOptions {
  double temperature = 2;
  double mix = 0.9;  // 0: labels only, 1: teacher only
  int views = 8;     // augmented views of each image the teacher is asked about; epochs cycle through them, so the
                     // teacher runs in the first `views` epochs only (0: every epoch has views of its own)
};

enum class Schedule { linear, cosine, step };
enum class OptimizerKind { sgd, adamw };
enum class ClassWeights { none, balanced };  // balanced: every class counts the same (train/class_weights.h)

struct TrainOptions {
  int epochs = 20;  // 0: only where the network starts from a trained one, whose batch statistics are measured anew
  int batch = 512;
  // Nesterov SGD, or AdamW (supernet/adamw.h), on the mean loss. Biases learn `bias_lr_scale` times as fast (Jordan
  // 2024, airbench94), with as much less weight decay.
  OptimizerKind optimizer = OptimizerKind::sgd;
  double lr = 0.6, momentum = 0.85, weight_decay = 1.2e-3, bias_lr_scale = 16;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // of AdamW
  // What has no weight decay: "norms" (biases of batch norms), "biases" (of heads), "heads" (their weights).
  std::vector<std::string> no_weight_decay;
  double clip_norm = 0;  // gradients are scaled down to this global norm (supernet/optimizer.h); 0: as they are
  // The rate rises linearly to `lr` over the first `warmup` of all steps. Then it falls to `final_lr` * lr, linearly or
  // along half a cosine (Loshchilov, Hutter 2017), or is multiplied by `gamma` behind each epoch of `milestones`.
  Schedule schedule = Schedule::linear;
  double warmup = 0.2, final_lr = 0.02;
  std::vector<int> milestones;  // epochs, rising; of Schedule::step
  double gamma = 0.1;
  double label_smoothing = 0.2;
  ClassWeights class_weights = ClassWeights::none;  // in the cross-entropy
  double average_decay = 0.995;                     // exponential moving average of the weights, per step; 0: none
  bool whitened_stem = true;  // first layer starts as a whitening of the training patches (Jordan 2024) ...
  bool freeze_stem = true;    // ... and stays so, which saves its whole backward pass
  bool residual = false;      // layers behind the first of a block add their input (supernet/network.h)
  double head_scale = 0.125;  // logits are this times the linear layer's output
  int validate_every = 1;     // epochs between validations; the last epoch always validates
  data::AugmentOptions augment;
  DistillOptions distill;
};

// What a network with exits, or of many subnets, is trained with besides (train/sandwich.h).
struct SupernetOptions {
  std::vector<int> exits;      // blocks but the last, rising, behind which the network answers too
  double exit_gradient = 0.1;  // share of an exit's gradient that reaches the layers before it
  double exit_weight = 0.5;    // of the mean loss of those exits, against the last one's
  int random_subnets = 2;      // a step, besides the largest and the smallest
  int random_images = 0;       // of the batch each random one sees, in turns; 0: all of them
  double subnet_weight = 1;    // of the mean loss of the subnets that are not the first of their step
  // ArchSpecs to train instead of the largest, the smallest and random ones: to refine a chosen set, such as a pair,
  // together. The first learns from the labels, the others from it.
  std::vector<std::string> subnets;
};

// What networks of other families than plain begin with: their batch norms have scales that learn, as the weights do.
TrainOptions other_family_defaults();
inline TrainOptions family_defaults(bool plain) { return plain ? TrainOptions() : other_family_defaults(); }

// Reads the keys of `section` over the defaults; unknown keys are the caller's to refuse (ConfigSection::finish).
void read_train_options(ConfigSection& section, TrainOptions& options);
Json to_json(const TrainOptions& options);  // every field: part of a checkpoint's identity
void read_exit_options(ConfigSection& section, SupernetOptions& options);  // the exits alone
void read_supernet_options(ConfigSection& section, SupernetOptions& options);
Json to_json(const SupernetOptions& options);

enum class ComputeType { bf16, fp32 };
ComputeType compute_type_from_string(const std::string& text);  // throws Error
const char* to_string(ComputeType precision);

}  // namespace triage::train
