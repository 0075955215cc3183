#include "supernet/ops/statistics_group.h"

namespace triage::supernet {
namespace {

SumOverMembers& current() {
  thread_local SumOverMembers sum;
  return sum;
}

}  // namespace

StatisticsScope::StatisticsScope(SumOverMembers sum) : before_(std::exchange(current(), std::move(sum))) {}
StatisticsScope::~StatisticsScope() { current() = std::move(before_); }

double share_statistics(at::Tensor& mean, at::Tensor& variance, double count) {
  if (!current()) return count;
  const at::NoGradGuard no_grad;
  const at::Tensor centre = mean.to(at::kDouble);
  const at::Tensor sums = current()(
      at::stack({at::full_like(centre, count), centre * count, (variance.to(at::kDouble) + centre.square()) * count}));
  const at::Tensor all = sums[1] / sums[0];
  mean = all.to(at::kFloat);
  variance = (sums[2] / sums[0] - all.square()).clamp_min(0).to(at::kFloat);
  return sums[0][0].item<double>();
}

void share_sums(at::Tensor& first, at::Tensor& second) {
  if (!current()) return;
  const at::NoGradGuard no_grad;
  const at::Tensor sums = current()(at::stack({first, second}).to(at::kDouble)).to(at::kFloat);
  first = sums[0].clone();
  second = sums[1].clone();
}

}  // namespace triage::supernet
