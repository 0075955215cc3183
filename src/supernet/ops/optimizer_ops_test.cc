#include "supernet/ops/optimizer_ops.h"

#include <gtest/gtest.h>

namespace triage::supernet {
namespace {

// Both on the CPU, where both can. 40,000 elements are several of the fused pass's chunks.
class EachOptimizerOps : public testing::TestWithParam<const OptimizerOps*> {
 protected:
  const OptimizerOps& ops_ = *GetParam();
  const at::Tensor gradient_ = at::randn({40000}), parameter_ = at::randn({40000});
};
INSTANTIATE_TEST_SUITE_P(Both, EachOptimizerOps, testing::Values(&cpu_optimizer_ops(), &aten_optimizer_ops()));

void expect_near(const at::Tensor& found, const at::Tensor& expected) {
  EXPECT_LT((found.to(at::kDouble) - expected).abs().max().item<double>(), 1e-5);
}

// Of a sum of squares: fp32's rounding, which depends on the order of the sum and so on the CPU.
void expect_sum(double found, double expected) { EXPECT_NEAR(found, expected, 1e-5 * expected); }

// Expected: the formulas of sgd.h in double.
TEST_P(EachOptimizerOps, SgdIsItsFormula) {
  const SgdFactors k{.rate = 0.1F, .momentum = 0.9F, .decay = 0.01F, .scale = 0.5F};
  const at::Tensor p = parameter_.clone(), v = at::randn({40000});
  const at::Tensor scaled = gradient_.to(at::kDouble) * k.scale, before = parameter_.to(at::kDouble);
  const at::Tensor decayed = scaled + before * k.decay, moved = v.to(at::kDouble) * k.momentum + decayed;
  expect_sum(ops_.sgd(k, gradient_, v, p), scaled.square().sum().item<double>());
  expect_near(v, moved);
  expect_near(p, before - (decayed + moved * k.momentum) * k.rate);
}

// Expected: what adamw.h says, in double, with `keep`, `rate` and `second` as they are handed in.
TEST_P(EachOptimizerOps, AdamWIsItsFormula) {
  const AdamWFactors k{
      .scale = 0.5F, .keep = 0.99F, .beta1 = 0.8F, .beta2 = 0.95F, .rate = 0.02F, .second = 1.5F, .epsilon = 1e-3F};
  const at::Tensor p = parameter_.clone(), m = at::randn({40000}), v = at::rand({40000});
  const at::Tensor scaled = gradient_.to(at::kDouble) * k.scale;
  const at::Tensor first = m.to(at::kDouble) * k.beta1 + scaled * (1 - k.beta1);
  const at::Tensor second = v.to(at::kDouble) * k.beta2 + scaled.square() * (1 - k.beta2);
  expect_sum(ops_.adamw(k, gradient_, m, v, p), scaled.square().sum().item<double>());
  expect_near(m, first);
  expect_near(v, second);
  expect_near(p, parameter_.to(at::kDouble) * k.keep - first * k.rate / (second.sqrt() * k.second + k.epsilon));
}

TEST_P(EachOptimizerOps, SquaresAreTheirSum) {
  expect_sum(ops_.squares(gradient_), gradient_.to(at::kDouble).square().sum().item<double>());
  EXPECT_EQ(ops_.squares(at::full({3}, 2.0F)), 12);
}

TEST(OptimizerOpsOf, ADeviceHasItsOps) {
  EXPECT_EQ(&optimizer_ops_of(at::kCPU), &cpu_optimizer_ops());
  EXPECT_EQ(&optimizer_ops_of(at::kCUDA), &aten_optimizer_ops());
}

}  // namespace
}  // namespace triage::supernet
