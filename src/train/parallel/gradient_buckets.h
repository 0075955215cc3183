// The gradients of a batch that is computed in shares (shares.h), by one process or several. They are added in the
// order of the shares, element by element, so the sum has the same bits whoever computed them: each rank sends every
// other its part of a bucket, adds what it gets in order, and sends the sum back to all. That moves what a ring
// all-reduce moves: 2 (n - 1) / n of the gradients. A bucket is sent as soon as the last backward pass of a share has
// all of it, by a thread of its own, while the pass goes on (Li et al. 2020, "PyTorch Distributed: Experiences on
// Accelerating Data Parallel Training").
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "supernet/named_tensors.h"
#include "train/parallel/group.h"

namespace triage::train {

class GradientBuckets {
 public:
  static constexpr std::int64_t kBucketBytes = 1 << 20;  // a larger tensor has a bucket of its own

  // parameters: leaves, fp32, in the order of the forward pass; hooks are set on them. group: null where one process
  // computes all shares; not owned. shares: of this process.
  GradientBuckets(const supernet::NamedTensors& parameters, Group* group, int shares);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;

  // In turn for each share: begin(), backward passes that add up (last_pass() before the last one), end(). Then
  // finish(), after which the parameters' gradients are the sums.
  void begin(double weight);  // that the share's gradients are multiplied by
  void last_pass();
  void end();
  void finish();

  const std::vector<std::int64_t>& bucket_elements() const { return elements_; }  // in the order in which they are sent
  const std::vector<double>& ready() const { return ready_; }  // when each was, in the last share (core/clock.h)

 private:
  struct Parameter {
    at::Tensor tensor;
    std::size_t bucket;
    std::int64_t place;  // in the bucket
    bool taken = false;  // of the current share
    bool moved = false;  // it has a gradient in this step
  };
  struct Task {
    std::size_t bucket;
    int share;
  };
  class Hook;
  void take(Parameter& parameter);
  void send_ready();
  void work();
  void add(const Task& task);

  Group* group_;
  int shares_, share_ = -1;
  double weight_ = 1;
  bool last_ = false;
  std::vector<Parameter> parameters_;
  std::vector<std::int64_t> elements_;  // of each bucket, padded to a multiple of the group's size
  std::vector<int> missing_;            // of each bucket: parameters that the current share has not given
  std::size_t sent_ = 0;                // buckets of the current share
  std::vector<double> ready_;
  std::vector<std::vector<at::Tensor>> mine_;  // [shares][buckets]
  std::vector<std::vector<at::Tensor>> received_;
  std::vector<at::Tensor> sums_;  // of each bucket

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::size_t open_ = 0;  // tasks that are not done
  std::exception_ptr error_;
  bool stopping_ = false;
  std::jthread worker_;  // last: uses all of the above
};

}  // namespace triage::train
