// The builds of the kernels against each other, those that this machine can run; what they compute is held against ATen
// in network_test.cc. They differ by fused multiply-adds only: 2^-20 of the values, or for bf16 one unit in the last
// place where a rounding falls the other way.
#include "supernet/kernels/norm_act.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/system/cpu.h"
#include "supernet/kernels/kernels_test_support.h"
#include "supernet/kernels/norm_act_kernels.h"

namespace triage::supernet {
namespace {

template <class T>
struct Results {
  std::vector<T> z, y, inference, dx, residual, masked, dx_residual;
  std::vector<std::uint8_t> argmax;
  std::vector<float> mean, m2, sum_g, sum_gz;
};

template <class T>
Results<T> run(const NormKernels<T>& kernels, const NormActShape& shape, int inputs) {
  Rng rng(5);
  const std::size_t channels = shape.channels, pixels = shape.out_elements() / channels;
  const std::vector<T> x = random_values<T>(shape.in_elements(), rng), dy = random_values<T>(shape.out_elements(), rng);
  const std::vector<float> mean = random_values<float>(channels, rng), bias = random_values<float>(channels, rng);
  const std::vector<float> mean_g = random_values<float>(channels, rng), rstd(channels, 1.25f);
  const Norm norm{mean.data(), rstd.data(), bias.data()};
  Results<T> r;
  r.z.resize(shape.out_elements());
  r.y = r.inference = r.z;
  r.dx.resize(shape.in_elements(), T(77));  // must all be overwritten
  r.argmax.resize(shape.out_elements());
  r.mean.resize(channels);
  r.m2 = r.sum_g = r.sum_gz = r.mean;
  kernels.statistics(shape, x.data(), r.z.data(), r.argmax.data(), r.mean.data(), r.m2.data());
  if (!shape.pool) r.z = x;
  kernels.relu(pixels, shape.channels, r.z.data(), norm, r.y.data(), {});
  kernels.inference(shape, x.data(), norm, r.inference.data());
  kernels.backward_sums(pixels, shape.channels, dy.data(), r.z.data(), norm, r.sum_g.data(), r.sum_gz.data());
  kernels.backward_input(shape, dy.data(), r.z.data(), r.argmax.data(), norm, mean_g.data(), bias.data(), r.dx.data());
  const std::vector<T> beside = random_values<T>(pixels * inputs, rng);
  r.residual = r.masked = r.z;
  kernels.relu(pixels, shape.channels, r.z.data(), norm, r.residual.data(), {beside.data(), inputs});
  kernels.relu_backward(r.z.size(), dy.data(), r.z.data(), r.masked.data());
  r.dx_residual = beside;
  kernels.add_identity_gradient(pixels, shape.channels, dy.data(), inputs, r.dx_residual.data());
  return r;
}

template <class T>
void expect_near(const std::vector<T>& a, const std::vector<T>& b, double relative, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(value(a[i]), value(b[i]), relative * std::max(1.0, std::abs(value(b[i])))) << what << " at " << i;
  }
}

template <class T>
void compare(const NormKernels<T>& kernels, const NormActShape& shape, int inputs, double rounding) {
  const Results<T> a = run(kernels, shape, inputs);
  const Results<T> b = run(portable::norm_kernels<T>(), shape, inputs);
  EXPECT_EQ(a.z, b.z);
  EXPECT_EQ(a.argmax, b.argmax);
  EXPECT_EQ(a.y, a.inference);
  expect_near(a.mean, b.mean, 1e-5, "mean");
  expect_near(a.m2, b.m2, 1e-5, "m2");
  expect_near(a.sum_g, b.sum_g, 1e-4, "sum_g");
  expect_near(a.sum_gz, b.sum_gz, 1e-4, "sum_gz");
  expect_near(a.y, b.y, rounding, "y");
  expect_near(a.dx, b.dx, rounding, "dx");
  expect_near(a.residual, b.residual, rounding, "residual");
  EXPECT_EQ(a.masked, b.masked);
  EXPECT_EQ(a.dx_residual, b.dx_residual);
}

void compare_all(const NormKernels<float>& of_float, const NormKernels<bf16>& of_bf16) {
  for (const bool pool : {false, true}) {
    for (const int channels : {1, 21, 24, 64}) {
      const NormActShape shape{3, 7, 9, channels, pool};
      for (const int inputs : {12, 40}) {
        compare<float>(of_float, shape, inputs, 0x1p-20);
        compare<bf16>(of_bf16, shape, inputs, 0x1p-7);
      }
    }
  }
}

// Each build that this machine can run, behind what a CPU has whose build it is.
template <class T>
std::vector<std::pair<CpuFeatures, const NormKernels<T>*>> builds_here() {
  std::vector<std::pair<CpuFeatures, const NormKernels<T>*>> builds{{CpuFeatures(), &portable::norm_kernels<T>()}};
#if defined(__x86_64__)
  if (cpu_features().has(kAvx2Build)) builds.emplace_back(kAvx2Build, &avx2::norm_kernels<T>());
  if (cpu_features().has(kAvx512Build)) builds.emplace_back(kAvx512Build, &avx512::norm_kernels<T>());
#endif
  return builds;
}

TEST(NormKernels, BuildsAgree) {
  const auto of_float = builds_here<float>();
  const auto of_bf16 = builds_here<bf16>();
  for (std::size_t i = 1; i < of_float.size(); ++i) compare_all(*of_float[i].second, *of_bf16[i].second);
}

// What the functions that choose compute on a CPU is what its build computes, to the bit.
TEST(NormKernels, EachCpuGetsItsBuild) {
  const NormActShape shape{3, 7, 9, 21, true};
  Rng rng(6);
  const auto x = random_values<float>(shape.in_elements(), rng), mean = random_values<float>(21, rng);
  const auto bias = random_values<float>(21, rng), rstd = random_values<float>(21, rng);
  const Norm norm{mean.data(), rstd.data(), bias.data()};
  for (const auto& [cpu, build] : builds_here<float>()) {
    const CpuOverride only(cpu);
    std::vector<float> chosen(shape.out_elements()), expected(shape.out_elements());
    norm_act_inference(shape, x.data(), norm, chosen.data());
    build->inference(shape, x.data(), norm, expected.data());
    EXPECT_EQ(chosen, expected);
  }
}

// NaN must reach the loss, where training looks for it.
TEST(NormAct, NanSurvives) {
  const NormActShape shape{1, 2, 2, 20, true};
  const std::vector<bf16> x(shape.in_elements(), 0x7fc0);
  std::vector<bf16> y(shape.out_elements());
  const std::vector<float> zero(20, 0.0f), one(20, 1.0f);
  norm_act_inference(shape, x.data(), {zero.data(), one.data(), zero.data()}, y.data());
  for (const bf16 v : y) EXPECT_EQ(v & 0x7fc0, 0x7fc0);
}

}  // namespace
}  // namespace triage::supernet
