#include "train/session.h"

#include <algorithm>

#include "supernet/adamw.h"
#include "supernet/kernel_choice.h"
#include "supernet/sgd.h"
#include "train/class_weights.h"
#include "train/files/checkpoint.h"
#include "train/files/network_file.h"
#include "train/step.h"

namespace triage::train {
namespace {

void add(Tensors& to, const std::string& prefix, const supernet::NamedTensors& from) {
  for (const auto& [name, tensor] : from) to[prefix + name] = tensor;
}

bool of_head(const supernet::NamedTensor& parameter) {
  return parameter.name.starts_with("head.") || parameter.name.starts_with("head/") ||
         parameter.name.starts_with("exit");
}

// Parameters of one learning rate, those without weight decay apart. heads, layers: names of what has none of both.
void add_groups(std::vector<supernet::ParameterGroup>& groups, const supernet::NamedTensors& parameters,
                double lr_multiplier, double weight_decay, bool heads, bool layers) {
  supernet::ParameterGroup decayed{{}, lr_multiplier, weight_decay}, others{{}, lr_multiplier, 0};
  for (const supernet::NamedTensor& p : parameters)
    ((of_head(p) ? heads : layers) ? others : decayed).parameters.push_back(p);
  for (supernet::ParameterGroup& group : {std::ref(decayed), std::ref(others)})
    if (!group.parameters.empty()) groups.push_back(std::move(group));
}

std::vector<supernet::ParameterGroup> parameter_groups(const supernet::AnyNetworkImpl& network,
                                                       const TrainOptions& options) {
  const auto free = [&](const char* name) {
    return std::ranges::find(options.no_weight_decay, name) != options.no_weight_decay.end();
  };
  // The pull of weight decay on biases is kept as weak as on weights: their rate is higher, their decay lower.
  const double scale = options.bias_lr_scale;
  std::vector<supernet::ParameterGroup> groups;
  add_groups(groups, network.trainable_weights(), 1, options.weight_decay, free("heads"), false);
  add_groups(groups, network.trainable_biases(), scale, scale > 0 ? options.weight_decay / scale : 0, free("biases"),
             free("norms"));
  return groups;
}

std::unique_ptr<supernet::Optimizer> make_optimizer(const std::vector<supernet::ParameterGroup>& groups,
                                                    const TrainOptions& options) {
  if (options.optimizer == OptimizerKind::adamw)
    return std::make_unique<supernet::AdamW>(groups, adamw_options(options));
  return std::make_unique<supernet::Sgd>(groups, options.momentum);
}

// Of its tensors in a checkpoint.
const char* optimizer_prefix(const TrainOptions& options) {
  return options.optimizer == OptimizerKind::adamw ? "adamw." : "sgd.";
}

}  // namespace

Session::Session(const TrainJob& job, bool with_flat)
    : job_(job),
      network(make_network(job)),
      groups(parameter_groups(*network, job.options)),
      flat(with_flat ? std::make_unique<FlatOptimizer>(groups, network->state()) : nullptr),
      optimizer(make_optimizer(groups, job.options)),
      average(network->state()),
      best_state(supernet::clone_state(network->state())),
      class_weights(train::class_weights(job.options.class_weights, *job.data, job.splits->train)),
      devices(job.device.str()),
      file_(job.run / "checkpoint" / (job.name + ".ckpt")),
      metrics_(job.run, job.metrics) {
  if (flat) {
    flat->adopt_optimizer(optimizer->state());
    flat->adopt_average(average.state());
  }
  if (class_weights) class_weights = class_weights->to(job.device);
  if (job.has_teacher()) {
    TeacherLogits::Ask ask = job.ask_teacher;
    if (job.teacher) {
      ask = [network = job.teacher](const at::Tensor& images) {
        const torch::NoGradGuard no_grad;
        return network->forward(images).logits;
      };
    }
    teacher.emplace(std::move(ask), job.data->size(), network->classes(), job.options.distill.views);
  }
}

bool Session::restore() {
  if (!fs::exists(file_)) return false;
  const Checkpoint checkpoint = load_checkpoint(file_, identity_of(job_));
  const JsonReader state(checkpoint.state, file_.string());
  if (state.has("classes"))  // of before: not said
    require_classes(state.get<std::vector<std::string>>("classes"), job_.data->info(), file_.string());
  if (state.has("kernels") && !job_.deterministic && job_.parallel.shares == 0) {
    const JsonReader kernels = state.at("kernels");
    supernet::kernel_choice().adopt(kernels.json(), kernels.where());
  }
  step = state.get<std::uint64_t>("step");
  done = state.get<bool>("done");
  seconds = state.get<double>("seconds");
  devices = checkpoint.identity.value("device", devices);
  if (const std::string here = job_.device.str(); !done && devices != here && !devices.ends_with(", " + here))
    devices += ", " + here;
  validation = state.get<double>("validation_accuracy");
  best = state.get<double>("best_validation_accuracy");
  epoch_loss = state.get<double>("epoch_loss");
  epoch_right = state.get<double>("epoch_right");
  epoch_subnet_loss = state.get_or<double>("epoch_subnet_loss", 0);
  const Tensors& tensors = checkpoint.tensors;
  network->load_state(in_order_of(network->state(), tensors, "network."), file_.string());
  optimizer->load_state(in_order_of(optimizer->state(), tensors, optimizer_prefix(job_.options)), file_.string());
  average.load_state(in_order_of(average.state(), tensors, "average."), file_.string());
  supernet::copy_state(best_state, in_order_of(best_state, tensors, "best."), file_.string());
  if (teacher && !done) teacher->load(tensors);
  return true;
}

std::string Session::moved() const {
  const auto last = devices.rfind(", ");
  if (last == std::string::npos) return {};
  return std::format(" (until here on {}, from here on {})", devices.substr(0, last), devices.substr(last + 2));
}

Json Session::identity() const {
  Json identity = identity_of(job_);
  identity["device"] = devices;
  return identity;
}

void Session::save() const {
  Checkpoint checkpoint;
  checkpoint.identity = identity();
  checkpoint.state = {{"step", step},
                      {"done", done},
                      {"seconds", seconds},
                      {"validation_accuracy", validation},
                      {"best_validation_accuracy", best},
                      {"epoch_loss", epoch_loss},
                      {"epoch_right", epoch_right},
                      {"epoch_subnet_loss", epoch_subnet_loss},
                      {"classes", job_.data->info().classes}};
  if (const Json kernels = supernet::kernel_choice().choices();
      !kernels.empty() && !job_.deterministic && job_.parallel.shares == 0)
    checkpoint.state["kernels"] = kernels;
  add(checkpoint.tensors, "network.", network->state());
  add(checkpoint.tensors, optimizer_prefix(job_.options), optimizer->state());
  add(checkpoint.tensors, "average.", average.state());
  add(checkpoint.tensors, "best.", best_state);
  if (teacher && !done) teacher->save(checkpoint.tensors);
  save_checkpoint(file_, checkpoint);
}

void Session::write_networks() const {
  const NetworkAbout about{job_.data->info().classes, job_.normalization, identity()};
  save_network(job_.run / (job_.name + ".pt"), *network, network->state(), about);
  save_network(job_.run / (job_.name + "_best.pt"), *network, best_state, about);
}

}  // namespace triage::train
