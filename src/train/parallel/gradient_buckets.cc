// Map: take() is called by the hooks during the last backward pass of a share, in the thread that runs it; send_ready()
// hands whole buckets, in their order, to work(), the thread that adds.
#include "train/parallel/gradient_buckets.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "core/clock.h"

namespace triage::train {

class GradientBuckets::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientBuckets& buckets, std::size_t parameter) : buckets_(buckets), parameter_(parameter) {}
  void operator()(const torch::autograd::Variable&) override {
    if (!buckets_.last_) return;
    buckets_.take(buckets_.parameters_[parameter_]);
    buckets_.send_ready();
  }

 private:
  GradientBuckets& buckets_;
  std::size_t parameter_;
};

GradientBuckets::GradientBuckets(const supernet::NamedTensors& parameters, Group* group, int shares)
    : group_(group), shares_(shares) {
  const std::int64_t ranks = group ? group->size() : 1;
  for (auto p = parameters.rbegin(); p != parameters.rend(); ++p) {  // backward passes begin at the end
    const std::int64_t count = p->tensor.numel();
    if (elements_.empty() || (elements_.back() + count) * 4 > kBucketBytes) {
      elements_.push_back(0);
      missing_.push_back(0);
    }
    parameters_.push_back({p->tensor, elements_.size() - 1, elements_.back()});
    elements_.back() += count;
  }
  for (std::int64_t& elements : elements_) elements = (elements + ranks - 1) / ranks * ranks;
  ready_.resize(elements_.size());
  for (const std::int64_t elements : elements_) sums_.push_back(at::zeros({elements}));
  for (int share = 0; share < shares; ++share) {
    std::vector<at::Tensor>& mine = mine_.emplace_back();
    std::vector<at::Tensor>& received = received_.emplace_back();
    for (const std::int64_t elements : elements_) {
      mine.push_back(at::zeros({elements}));
      received.push_back(group ? at::zeros({elements}) : mine.back());
    }
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    torch::autograd::impl::set_post_acc_grad_hooks(parameters_[i].tensor, std::make_unique<Hook>(*this, i));
  if (group) worker_ = std::jthread([this] { work(); });
}

GradientBuckets::~GradientBuckets() {
  for (Parameter& parameter : parameters_) torch::autograd::impl::set_post_acc_grad_hooks(parameter.tensor, nullptr);
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void GradientBuckets::begin(double weight) {
  ++share_;
  weight_ = weight;
  last_ = false;
  sent_ = 0;
  std::ranges::fill(missing_, 0);
  for (Parameter& parameter : parameters_) {
    parameter.taken = false;
    ++missing_[parameter.bucket];
    if (share_ == 0) parameter.moved = false;
  }
}

void GradientBuckets::last_pass() { last_ = true; }

void GradientBuckets::end() {
  last_ = false;
  for (Parameter& parameter : parameters_)
    if (!parameter.taken) take(parameter);
  send_ready();
}

void GradientBuckets::take(Parameter& parameter) {
  if (parameter.taken) return;
  const at::NoGradGuard no_grad;
  at::Tensor to =
      mine_[static_cast<std::size_t>(share_)][parameter.bucket].narrow(0, parameter.place, parameter.tensor.numel());
  at::Tensor& gradient = parameter.tensor.mutable_grad();
  if (gradient.defined()) {
    to.copy_(gradient.reshape(-1));
    to.mul_(weight_);
    gradient.reset();
    parameter.moved = true;
  } else {
    to.zero_();
  }
  parameter.taken = true;
  --missing_[parameter.bucket];
}

void GradientBuckets::send_ready() {
  for (; sent_ < missing_.size() && missing_[sent_] == 0; ++sent_) {
    ready_[sent_] = steady_seconds();
    const Task task{sent_, share_};
    if (!group_) {
      add(task);
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (error_) continue;  // finish() throws it
    tasks_.push_back(task);
    ++open_;
    changed_.notify_all();
  }
}

void GradientBuckets::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const Task task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    std::exception_ptr error;
    try {
      add(task);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !error_) error_ = error;
    if (error) tasks_.clear();
    open_ = error ? 0 : open_ - 1;
    changed_.notify_all();
    if (error) return;
  }
}

void GradientBuckets::add(const Task& task) {
  const at::NoGradGuard no_grad;
  const auto share = static_cast<std::size_t>(task.share);
  const std::int64_t ranks = group_ ? group_->size() : 1;
  const auto rows = [&](const at::Tensor& bucket) { return bucket.view({ranks, -1}); };
  if (group_) group_->exchange_slices(rows(mine_[share][task.bucket]), rows(received_[share][task.bucket]));
  if (task.share + 1 < shares_) return;
  // Of the slice that is this rank's: shares in their order, which are those of rank 0 first.
  at::Tensor sum = rows(sums_[task.bucket])[group_ ? group_->rank() : 0];
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    for (int i = 0; i < shares_; ++i) {
      const at::Tensor part = rows(received_[static_cast<std::size_t>(i)][task.bucket])[rank];
      if (rank == 0 && i == 0)
        sum.copy_(part);
      else
        sum.add_(part);
    }
  }
  if (group_) group_->gather_slices(sum.clone(), rows(sums_[task.bucket]));
}

void GradientBuckets::finish() {
  if (group_) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }
  for (Parameter& parameter : parameters_) {
    if (!parameter.moved) continue;
    const at::Tensor sum = sums_[parameter.bucket].narrow(0, parameter.place, parameter.tensor.numel());
    parameter.tensor.mutable_grad() = sum.view(parameter.tensor.sizes()).to(parameter.tensor.device());
  }
  share_ = -1;
}

}  // namespace triage::train
