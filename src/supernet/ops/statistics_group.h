// Batch norm over more images than this process has: while a StatisticsScope lives in a thread, the CPU's train_layer
// in that thread takes the statistics of all members' images, forward and backward.
#pragma once

#include <torch/types.h>

#include <functional>

namespace triage::supernet {

using SumOverMembers = std::function<at::Tensor(const at::Tensor& mine)>;  // fp64, the same on every member

class StatisticsScope {
 public:
  explicit StatisticsScope(SumOverMembers sum);  // empty: each by itself
  ~StatisticsScope();
  StatisticsScope(const StatisticsScope&) = delete;
  StatisticsScope& operator=(const StatisticsScope&) = delete;

 private:
  SumOverMembers before_;
};

// Mean and biased variance [OC] of `count` values a channel become those of all members; returns how many values that
// are.
double share_statistics(at::Tensor& mean, at::Tensor& variance, double count);
// Sums [OC] become sums over all members.
void share_sums(at::Tensor& first, at::Tensor& second);

}  // namespace triage::supernet
