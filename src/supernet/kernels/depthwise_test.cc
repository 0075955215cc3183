// The passes, in every build that this machine can run, against sums in double over the same values: weights and fp32
// images are exact, so what remains is the rounding of fp32 sums, taken as 2^-18 of the sum of magnitudes (their order
// differs), and of bf16 results half a unit in the last place, 2^-8 of the value.
#include "supernet/kernels/depthwise.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <vector>

#include "core/system/cpu.h"
#include "supernet/kernels/kernels_test_support.h"

namespace triage::supernet {
namespace {

template <class T>
struct DepthwiseCase {
  DepthwiseShape shape;
  std::vector<T> x, dy;
  std::vector<float> weight;
  explicit DepthwiseCase(const DepthwiseShape& s) : shape(s) {
    Rng rng(7);
    x = random_values<T>(s.in_elements(), rng);
    dy = random_values<T>(s.out_elements(), rng);
    weight = random_values<float>(s.weights(), rng);
  }
};

template <class T>
struct DepthwiseResults {
  std::vector<T> y, dx;
  std::vector<float> dweight;
  bool operator==(const DepthwiseResults&) const = default;
};

template <class T>
DepthwiseResults<T> run_passes(const DepthwiseCase<T>& c) {
  DepthwiseResults<T> r{std::vector<T>(c.dy.size(), T(77)), std::vector<T>(c.x.size(), T(77)),
                        std::vector<float>(c.weight.size(), NAN)};  // all of it must be overwritten
  depthwise_forward(c.shape, c.x.data(), c.weight.data(), r.y.data());
  depthwise_backward_data(c.shape, c.dy.data(), c.weight.data(), r.dx.data());
  depthwise_backward_weights(c.shape, c.x.data(), c.dy.data(), r.dweight.data());
  return r;
}

template <class T>
struct DepthwiseReference {
  std::vector<Sum> y, dx, dweight;
  explicit DepthwiseReference(const DepthwiseCase<T>& c) : y(c.dy.size()), dx(c.x.size()), dweight(c.weight.size()) {
    const DepthwiseShape& s = c.shape;
    for (int n = 0; n < s.batch; ++n)
      for (int h = 0; h < s.out_height(); ++h)
        for (int w = 0; w < s.out_width(); ++w)
          for (int k = 0; k < s.kernel * s.kernel; ++k) {
            const int from_h = h * s.stride + k / s.kernel - s.kernel / 2;
            const int from_w = w * s.stride + k % s.kernel - s.kernel / 2;
            if (from_h < 0 || from_h >= s.height || from_w < 0 || from_w >= s.width) continue;
            for (int ch = 0; ch < s.channels; ++ch) {
              const std::size_t in = ((std::size_t(n) * s.height + from_h) * s.width + from_w) * s.channels + ch;
              const std::size_t out = ((std::size_t(n) * s.out_height() + h) * s.out_width() + w) * s.channels + ch;
              const std::size_t at = std::size_t(ch) * s.kernel * s.kernel + k;
              y[out].add(value(c.x[in]) * c.weight[at]);
              dx[in].add(value(c.dy[out]) * c.weight[at]);
              dweight[at].add(value(c.x[in]) * value(c.dy[out]));
            }
          }
  }
};

template <class T>
void expect_sums_near(const std::vector<T>& found, const std::vector<Sum>& expected, const char* what) {
  ASSERT_EQ(found.size(), expected.size());
  const double rounding = std::is_same_v<T, bf16> ? std::ldexp(1, -8) : 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Sum& sum = expected[i];
    ASSERT_NEAR(value(found[i]), sum.value, std::ldexp(sum.magnitude, -18) + rounding * std::abs(sum.value))
        << what << " at " << i;
  }
}

const std::vector<CpuFeatures> kDepthwiseBuilds{CpuFeatures(), kAvx2Build, kAvx512Build};

// Every kernel size with its own code and one without, strides on even and odd maps, maps smaller than the kernel,
// channels in vectors of 16, 8 and 1, groups of images that are not full.
const std::vector<DepthwiseShape> kDepthwiseShapes{{9, 6, 8, 16, 3, 1}, {3, 7, 5, 24, 3, 2},   {17, 4, 4, 27, 5, 1},
                                                   {2, 9, 12, 8, 5, 2}, {1, 2, 3, 17, 7, 1},   {8, 9, 9, 40, 7, 2},
                                                   {2, 1, 1, 3, 5, 2},  {2, 13, 20, 16, 9, 1}, {2, 8, 7, 16, 3, 3},
                                                   {4, 5, 5, 9, 1, 1},  {2, 33, 18, 16, 5, 2}, {1, 12, 12, 1, 11, 2}};

template <class T>
void expect_depthwise() {
  for (const DepthwiseShape& s : kDepthwiseShapes) {
    SCOPED_TRACE(testing::Message() << s.height << "x" << s.width << "x" << s.channels << " kernel " << s.kernel
                                    << " stride " << s.stride);
    const DepthwiseCase<T> c(s);
    const DepthwiseReference<T> expected(c);
    for (const CpuFeatures& build : kDepthwiseBuilds) {
      if (!cpu_features().has(build)) continue;
      const CpuOverride only(build);
      const DepthwiseResults<T> found = run_passes(c);
      expect_sums_near(found.y, expected.y, "y");
      expect_sums_near(found.dx, expected.dx, "dx");
      expect_sums_near(found.dweight, expected.dweight, "dweight");
    }
  }
}

TEST(Depthwise, SumsOfBf16) { expect_depthwise<bf16>(); }
TEST(Depthwise, SumsOfFp32) { expect_depthwise<float>(); }

TEST(Depthwise, TheSameBitsForAnyNumberOfThreads) {
  const DepthwiseCase<bf16> c({37, 7, 6, 20, 5, 2});
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const DepthwiseResults<bf16> one = run_passes(c);
  omp_set_num_threads(3);
  const DepthwiseResults<bf16> three = run_passes(c);
  omp_set_num_threads(threads);
  EXPECT_TRUE(one == three);
}

}  // namespace
}  // namespace triage::supernet
