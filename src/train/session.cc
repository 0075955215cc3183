#include "train/session.h"

#include "train/class_weights.h"
#include "train/files/checkpoint.h"
#include "train/files/network_file.h"

namespace triage::train {
namespace {

void add(Tensors& to, const std::string& prefix, const supernet::NamedTensors& from) {
  for (const auto& [name, tensor] : from) to[prefix + name] = tensor;
}

std::vector<supernet::ParameterGroup> parameter_groups(supernet::Network& network, const TrainOptions& options) {
  // The pull of weight decay on biases is kept as weak as on weights: their rate is higher, their decay lower.
  const double scale = options.bias_lr_scale;
  return {{network->trainable_weights(), 1, options.weight_decay},
          {network->trainable_biases(), scale, scale > 0 ? options.weight_decay / scale : 0}};
}

}  // namespace

Session::Session(const TrainJob& job, bool with_flat)
    : job_(job),
      network(make_network(job)),
      groups(parameter_groups(network, job.options)),
      flat(with_flat ? std::make_unique<FlatOptimizer>(groups, network->state()) : nullptr),
      sgd(groups),
      average(network->state()),
      best_state(supernet::clone_state(network->state())),
      class_weights(train::class_weights(job.options.class_weights, *job.data, job.splits->train)),
      file_(job.run / "checkpoint" / (job.name + ".ckpt")),
      metrics_(job.run / "metrics.jsonl") {
  if (flat) {
    flat->adopt_momentum(sgd.state());
    flat->adopt_average(average.state());
  }
  if (class_weights) class_weights = class_weights->to(job.device);
  if (job.teacher) {
    auto ask = [teacher = *job.teacher](const at::Tensor& images) mutable {
      const torch::NoGradGuard no_grad;
      return teacher->forward(images).logits;
    };
    teacher.emplace(ask, job.data->size(), network->classes(), job.options.distill.views);
  }
}

bool Session::restore() {
  if (!fs::exists(file_)) return false;
  const Checkpoint checkpoint = load_checkpoint(file_, identity_of(job_));
  const JsonReader state(checkpoint.state, file_.string());
  if (state.has("classes"))  // of before: not said
    require_classes(state.get<std::vector<std::string>>("classes"), job_.data->info(), file_.string());
  step = state.get<std::uint64_t>("step");
  done = state.get<bool>("done");
  seconds = state.get<double>("seconds");
  validation = state.get<double>("validation_accuracy");
  best = state.get<double>("best_validation_accuracy");
  epoch_loss = state.get<double>("epoch_loss");
  epoch_right = state.get<double>("epoch_right");
  epoch_subnet_loss = state.get_or<double>("epoch_subnet_loss", 0);
  const Tensors& tensors = checkpoint.tensors;
  network->load_state(in_order_of(network->state(), tensors, "network."), file_.string());
  sgd.load_state(in_order_of(sgd.state(), tensors, "sgd."), file_.string());
  average.load_state(in_order_of(average.state(), tensors, "average."), file_.string());
  supernet::copy_state(best_state, in_order_of(best_state, tensors, "best."), file_.string());
  if (teacher && !done) teacher->load(tensors);
  // Behind a finished stage stand the lines of the stages after it.
  if (const auto length = state.get<std::uint64_t>("metrics_bytes");
      !done && fs::exists(metrics_) && fs::file_size(metrics_) > length) {
    fs::resize_file(metrics_, length);
  }
  return true;
}

void Session::save() const {
  Checkpoint checkpoint;
  checkpoint.identity = identity_of(job_);
  checkpoint.state = {{"step", step},
                      {"done", done},
                      {"seconds", seconds},
                      {"validation_accuracy", validation},
                      {"best_validation_accuracy", best},
                      {"epoch_loss", epoch_loss},
                      {"epoch_right", epoch_right},
                      {"epoch_subnet_loss", epoch_subnet_loss},
                      {"classes", job_.data->info().classes},
                      {"metrics_bytes", fs::exists(metrics_) ? fs::file_size(metrics_) : 0}};
  add(checkpoint.tensors, "network.", network->state());
  add(checkpoint.tensors, "sgd.", sgd.state());
  add(checkpoint.tensors, "average.", average.state());
  add(checkpoint.tensors, "best.", best_state);
  if (teacher && !done) teacher->save(checkpoint.tensors);
  save_checkpoint(file_, checkpoint);
}

void Session::log(const results::TrainingStep& line) const { append_line(metrics_, dump_json(to_json(line))); }

void Session::write_networks() const {
  const NetworkAbout about{job_.data->info().classes, job_.normalization, identity_of(job_)};
  save_network(job_.run / (job_.name + ".pt"), *network, network->state(), about);
  save_network(job_.run / (job_.name + "_best.pt"), *network, best_state, about);
}

}  // namespace triage::train
