// Forward and backward-data: the same direct convolution, the second with flipped and transposed weights.
//
// pack_weights: fp32 [OC,IC,3,3] -> bf16 [block][3][3][input pair][lanes][2], each block one stretch.
// pack_images: 8 images, a band of rows -> [row][column][input pair][image][2]. The images are the rows of the register
//   tile, so every pixel, whatever its borders, is at most three contiguous Runs, one for each row of taps.
// convolve_block: a band of output pixels x one block of output channels.
// convolve: cuts the work into items (a set of 8-image groups x a band of rows) whose packed input stays in L2
//   while all weight blocks pass by; threads take items.
#if defined(__x86_64__)

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/conv3x3_bf16_tile.h"

#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace triage::supernet {
namespace conv3x3 {
namespace {

constexpr std::size_t kPackedBytes = 320 << 10;  // input packed at a time by a thread: well within L2

void transpose8x8(__m256i r[8]) {
  __m256i a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
    r[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
  }
}

// One block: [9 taps][pairs][lanes][2]. Missing channels are zero.
void pack_weights(const WeightView& weights, const Problem& p, const LaneBlocks& blocks, int block, bf16* packed) {
  alignas(64) std::uint16_t order[32] = {};  // interleaves the taps of the pair's two inputs
  for (int tap = 0; tap < 9; ++tap) {
    order[2 * tap] = static_cast<std::uint16_t>(weights.reversed ? 8 - tap : tap);
    order[2 * tap + 1] = static_cast<std::uint16_t>(order[2 * tap] + 16);
  }
  const __m512i interleave = _mm512_load_si512(order);
  const int lanes = blocks.lanes(block), first = blocks.first(block), valid = blocks.valid(block);
  const std::size_t tap_stride = std::size_t{2} * p.pairs() * lanes;
  std::uint32_t rows[9][kMaxLanes];
  for (int pair = 0; pair < p.pairs(); ++pair) {
    for (int lane = 0; lane < lanes; ++lane) {
      const float* const even = weights.data + (first + lane) * weights.output_stride + 2 * pair * weights.input_stride;
      const __mmask16 even_taps = lane < valid ? 0x1ff : 0, odd_taps = 2 * pair + 1 < p.inputs ? even_taps : 0;
      const __m512 low = _mm512_maskz_loadu_ps(even_taps, even);
      const __m512 high = _mm512_maskz_loadu_ps(odd_taps, even + weights.input_stride);
      alignas(64) std::uint32_t taps[16];
      _mm512_store_si512(taps, _mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh(high, low)));
      for (int tap = 0; tap < 9; ++tap) rows[tap][lane] = taps[tap];
    }
    bf16* const to = packed + std::size_t{2} * pair * lanes;
    for (int tap = 0; tap < 9; ++tap) std::memcpy(to + tap * tap_stride, rows[tap], lanes * sizeof(rows[tap][0]));
  }
}

// Output channels [first, first + valid) of the pixels of rows [row_begin, row_end) of `images` images.
// `packed` starts at row packed_begin; y is that of the first image.
struct Band {
  const bf16* packed;
  int packed_begin, row_begin, row_end, images;
};

template <int kVectors, int kHalf>
void convolve_block(const Problem& p, const Band& band, const bf16* weights, int first, int valid, bf16* y) {
  constexpr int kLanes = 16 * kVectors + 8 * kHalf;
  const std::size_t pair_stride = 2 * kRows, pixel_stride = pair_stride * p.pairs();
  const std::size_t image_stride = std::size_t{1} * p.height * p.width * p.outputs;
  const std::size_t tap_stride = std::size_t{2} * kLanes * p.pairs();
  for (int row = band.row_begin; row < band.row_end; ++row) {
    const int tap_begin = row == 0, tap_end = row + 1 == p.height ? 2 : 3;
    for (int column = 0; column < p.width; ++column) {
      const int shift_begin = column == 0, shift_end = column + 1 == p.width ? 2 : 3;
      Run runs[3];
      int count = 0;
      for (int tap = tap_begin; tap < tap_end; ++tap) {
        const std::size_t source =
            std::size_t{1} * (row + tap - 1 - band.packed_begin) * p.width + column + shift_begin - 1;
        runs[count++] = {band.packed + source * pixel_stride, weights + (3 * tap + shift_begin) * tap_stride,
                         (shift_end - shift_begin) * p.pairs()};
      }
      bf16* const to = y + (std::size_t{1} * row * p.width + column) * p.outputs + first;
      sum_outer_products<kVectors, kHalf>(runs, count, [&](int image, const __m512* sums, __m256 half) {
        if (image >= band.images) return;
        bf16 tail[kLanes];
        bf16* const out = valid == kLanes ? to + image * image_stride : tail;
        for (int v = 0; v < kVectors; ++v) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * v), (__m256i)_mm512_cvtneps_pbh(sums[v]));
        }
        if constexpr (kHalf) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * kVectors), (__m128i)_mm256_cvtneps_pbh(half));
        }
        if (out == tail) std::memcpy(to + image * image_stride, tail, valid * sizeof(bf16));
      });
    }
  }
}

void convolve(const Problem& p, const bf16* x, const WeightView& weights, bf16* y) {
  const LaneBlocks blocks(p.outputs);
  static thread_local Workspace weight_space;
  const std::size_t slab = std::size_t{18} * p.pairs();  // elements for each lane
  bf16* const packed_weights = weight_space.reserve<bf16>(slab * blocks.padded());

  const std::size_t row_bytes = p.packed_row() * sizeof(bf16);
  const int max_rows = std::max<int>(1, static_cast<int>(kPackedBytes / row_bytes) - 2);
  const int bands = row_bytes * p.height <= kPackedBytes ? 1 : (p.height + max_rows - 1) / max_rows;
  const int band_rows = (p.height + bands - 1) / bands;
  const int groups = (p.batch + kRows - 1) / kRows;
  const int fit = static_cast<int>(kPackedBytes / (row_bytes * p.height));
  const int set = std::clamp(std::min(fit, groups / (4 * omp_get_max_threads())), 1, groups);
  const int sets = (groups + set - 1) / set;
  const std::size_t in_stride = std::size_t{1} * p.height * p.width * p.inputs;
  const std::size_t out_stride = std::size_t{1} * p.height * p.width * p.outputs;

#pragma omp parallel
  {
#pragma omp for schedule(dynamic)
    for (int block = 0; block < blocks.count; ++block) {
      pack_weights(weights, p, blocks, block, packed_weights + slab * blocks.first(block));
    }
    static thread_local Workspace input_space;
#pragma omp for schedule(dynamic)
    for (int item = 0; item < sets * bands; ++item) {
      const int group_begin = item / bands * set, group_end = std::min(groups, group_begin + set);
      Band band;
      band.row_begin = std::min(p.height, item % bands * band_rows);
      band.row_end = std::min(p.height, band.row_begin + band_rows);
      band.packed_begin = std::max(0, band.row_begin - 1);
      const int packed_end = std::min(p.height, band.row_end + 1);
      const std::size_t group_size = p.packed_row() * std::max(0, packed_end - band.packed_begin);
      bf16* const packed = input_space.reserve<bf16>(group_size * set);
      for (int group = group_begin; group < group_end; ++group) {
        pack_images(x + group * kRows * in_stride + std::size_t{1} * band.packed_begin * p.width * p.inputs, in_stride,
                    std::min(kRows, p.batch - group * kRows),
                    std::size_t{1} * (packed_end - band.packed_begin) * p.width, p.inputs,
                    packed + (group - group_begin) * group_size);
      }
      for (int block = 0; block < blocks.count; ++block) {
        const int first = blocks.first(block), valid = blocks.valid(block);
        for (int group = group_begin; group < group_end; ++group) {
          band.packed = packed + (group - group_begin) * group_size;
          band.images = std::min(kRows, p.batch - group * kRows);
          with_tile(blocks.lanes(block), [&]<int kVectors, int kHalf>() {
            convolve_block<kVectors, kHalf>(p, band, packed_weights + slab * first, first, valid,
                                            y + group * kRows * out_stride);
          });
        }
      }
    }
  }
}

}  // namespace

void pack_images(const bf16* x, std::size_t image_stride, int images, std::size_t pixels, int channels, bf16* packed) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel, x += channels) {
    for (int channel = 0; channel < channels; channel += 16) {
      const int left = std::min(16, channels - channel);
      const __mmask16 mask = static_cast<__mmask16>((1u << left) - 1);
      __m256i rows[8];
      for (int i = 0; i < 8; ++i) {
        rows[i] = i < images ? _mm256_maskz_loadu_epi16(mask, x + i * image_stride + channel) : _mm256_setzero_si256();
      }
      transpose8x8(rows);
      for (int pair = 0; 2 * pair < left; ++pair, packed += 2 * kRows) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(packed), rows[pair]);
      }
    }
  }
}

}  // namespace conv3x3

void conv3x3_forward(const Conv3x3Shape& s, const bf16* x, const float* weight, bf16* y) {
  conv3x3::check(s);
  conv3x3::convolve({s.batch, s.height, s.width, s.in_channels, s.out_channels}, x,
                    {weight, std::size_t{9} * s.in_channels, 9, false}, y);
}

void conv3x3_backward_data(const Conv3x3Shape& s, const bf16* dy, const float* weight, bf16* dx) {
  conv3x3::check(s);
  conv3x3::convolve({s.batch, s.height, s.width, s.out_channels, s.in_channels}, dy,
                    {weight, 9, std::size_t{9} * s.in_channels, true}, dx);
}

}  // namespace triage::supernet

#endif
