// The most 8-bit products that one core of this CPU sums a second, in GOP/s (a product and a sum are two): the widest
// instructions that the compiled kernels use for it (compiler/target.h), on registers, with nothing loaded or stored.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace triage::bench {

inline constexpr int kPeakSteps = 20'000, kPeakChains = 12;

// Twelve independent chains of sums hide each one's latency.
[[gnu::target("avx512f,avx512vnni"), gnu::noinline]] inline std::int32_t vnni_products() {
  __m512i sums[kPeakChains], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (int step = 0; step < kPeakSteps; ++step) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      asm volatile("" : "+v"(sum));
    }
  }
  __m512i all = sums[0];
  for (int i = 1; i < kPeakChains; ++i) all = _mm512_add_epi32(all, sums[i]);
  return _mm512_reduce_add_epi32(all);
}

[[gnu::target("avx2"), gnu::noinline]] inline std::int32_t avx2_products() {
  __m256i sums[kPeakChains], a = _mm256_set1_epi16(1), b = _mm256_set1_epi16(2);
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  for (int step = 0; step < kPeakSteps; ++step) {
#pragma GCC unroll 12
    for (auto& sum : sums) {
      __m256i product = _mm256_madd_epi16(a, b);
      asm volatile("" : "+x"(product));
      sum = _mm256_add_epi32(sum, product);
      asm volatile("" : "+x"(sum));
    }
  }
  __m256i all = sums[0];
  for (int i = 1; i < kPeakChains; ++i) all = _mm256_add_epi32(all, sums[i]);
  return _mm256_extract_epi32(all, 0);
}

// The best of a few short runs: about 1 ms.
inline double product_peak() {
  const bool vnni = __builtin_cpu_supports("avx512vnni");
  const double products = double(kPeakSteps) * kPeakChains * (vnni ? 64 : 16);
  double best = 0;
  volatile std::int32_t keep = 0;
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    keep = keep + (vnni ? vnni_products() : avx2_products());
    const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2 * products / ns);
  }
  return best;
}

}  // namespace triage::bench
