// Shared by the sources of conv3x3_bf16 only: the register tile, how channels are cut into blocks, the workspaces.
//
// All three passes are sums of outer products: tile[8 rows][lanes] += left[8] * right[lanes], where each factor is a
// pair of bf16 (one step of vdpbf16ps). Forward and backward-data: rows are 8 images, lanes are output channels, a step
// is a pair of input channels at one tap. Backward-weights: rows are 8 input channels, lanes are output channels, a
// step is a pair of images at one pixel. The operands are packed so that the steps of a whole image row (or of three
// taps) lie one behind the other; such a stretch is a Run. What zero padding would add is never computed: runs stop at
// the border.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet::conv3x3 {

// Throws triage::Error for a CPU or sizes that the three functions do not take.
void check(const Conv3x3Shape& shape);

#if defined(__x86_64__)

constexpr int kRows = 8;       // of the register tile; one ymm of 32-bit pairs
constexpr int kMaxLanes = 48;  // three zmm: 24 accumulators

// Of a vector of 16; `count` >= 0.
inline __mmask16 first_lanes(int count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << (count > 0 ? count : 0)) - 1);
}

// Channels in blocks of at most kMaxLanes lanes, each of 1 to 3 full vectors of 16 or ending in a half one of 8.
struct LaneBlocks {
  explicit LaneBlocks(int width) : channels(width), units((width + 7) / 8), count((units + 5) / 6), full(units / 2) {}
  int lanes(int block) const {
    return 16 * (full / count + (block < full % count)) + (block == count - 1 && units % 2 ? 8 : 0);
  }
  int first(int block) const {
    const int wider = full % count;
    return 16 * (block * (full / count) + (block < wider ? block : wider));
  }
  int valid(int block) const {  // lanes that are real channels
    const int left = channels - first(block);
    return left < lanes(block) ? left : lanes(block);
  }
  int padded() const { return 8 * units; }

  int channels, units, count, full;
};

// 64-byte aligned scratch that grows and is never initialised.
class Workspace {
 public:
  template <class T>
  T* reserve(std::size_t count) {
    if (count * sizeof(T) > bytes_) {
      bytes_ = (count * sizeof(T) + 4095) / 4096 * 4096;
      data_.reset();
      data_.reset(std::aligned_alloc(4096, bytes_));
      if (!data_) {
        bytes_ = 0;
        throw std::bad_alloc();
      }
    }
    return static_cast<T*>(data_.get());
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> data_;
  std::size_t bytes_ = 0;
};

// The fp32 weights as one direction sees them: backward-data swaps inputs and outputs and reverses the taps.
struct WeightView {
  const float* data;
  std::size_t output_stride, input_stride;  // in elements; the 9 taps of (output, input) are adjacent
  bool reversed;
};

// Forward and backward-data are the same problem: inputs are what is summed over.
struct Problem {
  int batch, height, width, inputs, outputs;
  int pairs() const { return (inputs + 1) / 2; }
  std::size_t packed_row() const { return std::size_t{2} * kRows * width * pairs(); }  // elements, 8 images
};

// `pixels` pixels at x of `images` (at most 8) images, missing ones as zeros -> [pixel][pair][8 images][2].
void pack_images(const bf16* x, std::size_t image_stride, int images, std::size_t pixels, int channels, bf16* packed);

struct Run {
  const bf16* left;   // [steps][kRows][2], or the first kRows of a longer step
  const bf16* right;  // [steps][lanes][2], 32-byte aligned
  int steps;
};

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

// One tile of kRows x (16 * kVectors + 8 * kHalf) fp32 sums in registers over all runs, then per row
// store(row, full vectors, half vector). Steps of the left operand are kLeftStep elements apart.
template <int kVectors, int kHalf, int kLeftStep = 2 * kRows, class Store>
[[gnu::always_inline]] inline void sum_outer_products(const Run* runs, int count, const Store& store) {
  constexpr int kStep = 2 * (16 * kVectors + 8 * kHalf);
  __m512 sums[kRows][kVectors + 1];
  __m256 half_sums[kRows];
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sums[row][v] = _mm512_setzero_ps();
    half_sums[row] = _mm256_setzero_ps();
  }
  for (const Run* run = runs; run != runs + count; ++run) {
    const bf16* left = run->left;
    const bf16* right = run->right;
    for (int step = run->steps; step > 0; --step, left += kLeftStep, right += kStep) {
      __m512i lanes[kVectors + 1];
      __m256i half_lanes;
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) lanes[v] = _mm512_loadu_si512(right + 32 * v);
      if constexpr (kHalf) half_lanes = _mm256_load_si256(reinterpret_cast<const __m256i*>(right + 32 * kVectors));
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const __m512i pair = _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(left + 2 * row));
#pragma GCC unroll 3
        for (int v = 0; v < kVectors; ++v) {
          sums[row][v] = _mm512_dpbf16_ps(sums[row][v], (__m512bh)pair, (__m512bh)lanes[v]);
        }
        if constexpr (kHalf) {
          half_sums[row] =
              _mm256_dpbf16_ps(half_sums[row], (__m256bh)_mm512_castsi512_si256(pair), (__m256bh)half_lanes);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < kRows; ++row) store(row, sums[row], half_sums[row]);
}

// For the store above: the row's sums are added to to[lanes], or replace it.
template <int kVectors, int kHalf>
[[gnu::always_inline]] inline void add_row(float* to, const __m512* sums, __m256 half, bool replace) {
  for (int v = 0; v < kVectors; ++v) {
    const __m512 before = replace ? _mm512_setzero_ps() : _mm512_loadu_ps(to + 16 * v);
    _mm512_storeu_ps(to + 16 * v, _mm512_add_ps(before, sums[v]));
  }
  if constexpr (kHalf) {
    const __m256 before = replace ? _mm256_setzero_ps() : _mm256_loadu_ps(to + 16 * kVectors);
    _mm256_storeu_ps(to + 16 * kVectors, _mm256_add_ps(before, half));
  }
}

// Calls function.template operator()<kVectors, kHalf>() for a block of that many lanes.
template <class Function>
void with_tile(int lanes, const Function& function) {
  switch (lanes) {
    case 8:
      return function.template operator()<0, 1>();
    case 16:
      return function.template operator()<1, 0>();
    case 24:
      return function.template operator()<1, 1>();
    case 32:
      return function.template operator()<2, 0>();
    case 40:
      return function.template operator()<2, 1>();
    default:
      return function.template operator()<3, 0>();
  }
}

#pragma GCC pop_options

// Backward-weights on all threads: add(slot, first block, end block) for every slot of the sum and range of output
// blocks, then, when all of them are done, write(block) for every block.
template <class Add, class Write>
void sum_over_slots(int slots, int ranges, int blocks, const Add& add, const Write& write) {
#pragma omp parallel
  {
#pragma omp for schedule(dynamic)
    for (int item = 0; item < slots * ranges; ++item) {
      const int range = item % ranges;
      add(item / ranges, range * blocks / ranges, (range + 1) * blocks / ranges);
    }
#pragma omp for schedule(dynamic)
    for (int block = 0; block < blocks; ++block) write(block);
  }
}

#endif  // x86-64

}  // namespace triage::supernet::conv3x3
