// The most 8-bit products that one core of this CPU sums a second, in GOP/s (a product and a sum are two): the widest
// instructions that the compiled kernels use for it (compiler/target.h), on registers, with nothing loaded or stored.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <chrono>

#include "core/system/cpu.h"

namespace triage::bench {

inline constexpr int kPeakSteps = 20'000, kPeakChains = 12;

// Twelve independent chains hide the latency of each sum. They are named one by one: an array would live in memory.
struct Vnni {
  static constexpr int kProducts = 64;
  [[gnu::target("avx512f,avx512vnni"), gnu::noinline]] static void run() {
    const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
    __m512i s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{}, s8{}, s9{}, s10{}, s11{};
    for (int step = 0; step < kPeakSteps; ++step) {
      s0 = _mm512_dpbusd_epi32(s0, a, b), s1 = _mm512_dpbusd_epi32(s1, a, b), s2 = _mm512_dpbusd_epi32(s2, a, b);
      s3 = _mm512_dpbusd_epi32(s3, a, b), s4 = _mm512_dpbusd_epi32(s4, a, b), s5 = _mm512_dpbusd_epi32(s5, a, b);
      s6 = _mm512_dpbusd_epi32(s6, a, b), s7 = _mm512_dpbusd_epi32(s7, a, b), s8 = _mm512_dpbusd_epi32(s8, a, b);
      s9 = _mm512_dpbusd_epi32(s9, a, b), s10 = _mm512_dpbusd_epi32(s10, a, b), s11 = _mm512_dpbusd_epi32(s11, a, b);
      // The compiler may not know what a step has done.
      asm volatile("" : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4), "+v"(s5));
      asm volatile("" : "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9), "+v"(s10), "+v"(s11));
    }
  }
};

struct Avx2 {
  static constexpr int kProducts = 16;
  [[gnu::target("avx2"), gnu::always_inline]] static inline __m256i add(__m256i sum, __m256i a, __m256i b) {
    __m256i product = _mm256_madd_epi16(a, b);
    asm volatile("" : "+x"(product));
    return _mm256_add_epi32(sum, product);
  }
  [[gnu::target("avx2"), gnu::noinline]] static void run() {
    const __m256i a = _mm256_set1_epi16(1), b = _mm256_set1_epi16(2);
    __m256i s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{}, s8{}, s9{}, s10{}, s11{};
    for (int step = 0; step < kPeakSteps; ++step) {
      s0 = add(s0, a, b), s1 = add(s1, a, b), s2 = add(s2, a, b), s3 = add(s3, a, b), s4 = add(s4, a, b);
      s5 = add(s5, a, b), s6 = add(s6, a, b), s7 = add(s7, a, b), s8 = add(s8, a, b), s9 = add(s9, a, b);
      s10 = add(s10, a, b), s11 = add(s11, a, b);
      asm volatile("" : "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(s4), "+x"(s5));
      asm volatile("" : "+x"(s6), "+x"(s7), "+x"(s8), "+x"(s9), "+x"(s10), "+x"(s11));
    }
  }
};

// The best of a few short runs: about 1 ms.
inline double product_peak() {
  const bool vnni = cpu_features().has(CpuFeature::avx512_vnni);
  const double products = double(kPeakSteps) * kPeakChains * (vnni ? Vnni::kProducts : Avx2::kProducts);
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    vnni ? Vnni::run() : Avx2::run();
    const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2 * products / ns);
  }
  return best;
}

}  // namespace triage::bench
