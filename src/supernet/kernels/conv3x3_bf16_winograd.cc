// Forward and backward-data by Winograd's F(2x2, 3x3): tiles of 2x2 output pixels from 4x4 input pixels with 16
// products instead of 36. Output = A^T [ (G g G^T) . (B^T d B) ] A for weights g and input d, element by element; the
// sums over input channels happen between the transforms, as 16 independent matrix products, one for each of the 16
// points.
//
// transform_weights: fp32 [OC,IC,3,3] -> G g G^T, bf16 [block][16 points][input pair][lanes][2].
// transform_input: a tile of 8 packed images (pack_images) -> B^T d B, bf16 [16 points][input pair][image][2].
// multiply: such a tile x one block of output channels, 16 register tiles -> fp32 [16 points][8 images][lanes].
// transform_output: A^T m A -> bf16 pixels.
// convolve: cuts the work into items (a group of 8 images x rows of tiles) whose transformed input stays in L2.
#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/conv3x3_bf16_tile.h"

#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace triage::supernet {
namespace conv3x3 {
namespace {

constexpr int kPoints = 16;
constexpr std::size_t kTransformedBytes = 384 << 10;  // of input, at a time, for each thread

// One block: [16 points][pairs][lanes][2]. Missing channels are zero.
void transform_weights(const WeightView& weights, const Problem& p, const LaneBlocks& blocks, int block,
                       bf16* transformed) {
  // The 16 points are linear in the 9 taps: column `tap` of the Kronecker product of G with itself.
  constexpr float kG[4][3] = {{1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}};
  __m512 columns[9];
  alignas(64) std::uint16_t order[32];
  for (int tap = 0; tap < 9; ++tap) {
    alignas(64) float column[kPoints];
    const int row = (weights.reversed ? 8 - tap : tap) / 3, col = (weights.reversed ? 8 - tap : tap) % 3;
    for (int point = 0; point < kPoints; ++point) column[point] = kG[point / 4][row] * kG[point % 4][col];
    columns[tap] = _mm512_load_ps(column);
  }
  for (int i = 0; i < 32; ++i) order[i] = static_cast<std::uint16_t>(i / 2 + i % 2 * 16);
  const __m512i interleave = _mm512_load_si512(order);
  const auto points_of = [&](const float* taps) {
    __m512 sum = _mm512_setzero_ps();
    for (int tap = 0; tap < 9; ++tap) sum = _mm512_fmadd_ps(columns[tap], _mm512_set1_ps(taps[tap]), sum);
    return sum;
  };
  const int lanes = blocks.lanes(block), first = blocks.first(block), valid = blocks.valid(block);
  const std::size_t point_stride = std::size_t{2} * p.pairs() * lanes;
  std::uint32_t rows[kPoints][kMaxLanes];
  for (int pair = 0; pair < p.pairs(); ++pair) {
    for (int lane = 0; lane < lanes; ++lane) {
      const float* const taps = weights.data + (first + lane) * weights.output_stride + 2 * pair * weights.input_stride;
      const bool odd = lane < valid && 2 * pair + 1 < p.inputs;
      const __m512 low = lane < valid ? points_of(taps) : _mm512_setzero_ps();
      const __m512 high = odd ? points_of(taps + weights.input_stride) : _mm512_setzero_ps();
      alignas(64) std::uint32_t points[kPoints];
      _mm512_store_si512(points, _mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh(high, low)));
      for (int i = 0; i < kPoints; ++i) rows[i][lane] = points[i];
    }
    bf16* const to = transformed + std::size_t{2} * pair * lanes;
    for (int i = 0; i < kPoints; ++i) std::memcpy(to + i * point_stride, rows[i], lanes * sizeof(rows[i][0]));
  }
}

__m512 widen(const bf16* values) {
  const __m512i words = _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(values)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}

// B^T d B of one pair of channels of 8 images; pixels[i] are the 4x4 input pixels, row by row.
[[gnu::always_inline]] inline void transform_pair(const bf16* const pixels[kPoints], std::size_t offset,
                                                  __m512 out[kPoints]) {
  __m512 d[4][4];
#pragma GCC unroll 4
  for (int col = 0; col < 4; ++col) {
    const __m512 a = widen(pixels[col] + offset), b = widen(pixels[4 + col] + offset);
    const __m512 c = widen(pixels[8 + col] + offset), e = widen(pixels[12 + col] + offset);
    d[0][col] = _mm512_sub_ps(a, c);
    d[1][col] = _mm512_add_ps(b, c);
    d[2][col] = _mm512_sub_ps(c, b);
    d[3][col] = _mm512_sub_ps(b, e);
  }
#pragma GCC unroll 4
  for (int row = 0; row < 4; ++row) {
    out[4 * row] = _mm512_sub_ps(d[row][0], d[row][2]);
    out[4 * row + 1] = _mm512_add_ps(d[row][1], d[row][2]);
    out[4 * row + 2] = _mm512_sub_ps(d[row][2], d[row][1]);
    out[4 * row + 3] = _mm512_sub_ps(d[row][1], d[row][3]);
  }
}

// One tile of 8 images: -> [16 points][pairs][8 images][2].
[[gnu::noinline]] void transform_input(const bf16* const pixels[kPoints], int pairs, bf16* out) {
  const std::size_t point_stride = std::size_t{2} * kRows * pairs;
  for (int pair = 0; pair < pairs; ++pair) {
    const std::size_t offset = std::size_t{2} * kRows * pair;
    __m512 points[kPoints];
    transform_pair(pixels, offset, points);
#pragma GCC unroll 16
    for (int i = 0; i < kPoints; ++i) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(out + i * point_stride + offset),
                         (__m256i)_mm512_cvtneps_pbh(points[i]));
    }
  }
}

// The 2x2 output pixels of one tile: those that exist, of `images` images, channels [0, valid) from to[pixel].
template <int kVectors, int kHalf>
[[gnu::noinline]] void transform_output(const float* products, int images, std::size_t image_stride, int valid,
                                        bf16* const to[4]) {
  constexpr int kStride = 16 * (kVectors + kHalf), kLanes = 16 * kVectors + 8 * kHalf;
  for (int image = 0; image < images; ++image) {
    for (int v = 0; v < kVectors + kHalf; ++v) {
      const float* const m = products + image * kStride + 16 * v;
      const auto at = [&](int row, int col) { return _mm512_load_ps(m + (4 * row + col) * kRows * kStride); };
      __m512 s[2][4];
#pragma GCC unroll 4
      for (int col = 0; col < 4; ++col) {
        const __m512 b = at(1, col), c = at(2, col);
        s[0][col] = _mm512_add_ps(_mm512_add_ps(at(0, col), b), c);
        s[1][col] = _mm512_sub_ps(_mm512_sub_ps(b, c), at(3, col));
      }
#pragma GCC unroll 4
      for (int pixel = 0; pixel < 4; ++pixel) {
        if (!to[pixel]) continue;
        const __m512* const r = s[pixel / 2];
        const __m512 sum =
            pixel % 2 ? _mm512_sub_ps(_mm512_sub_ps(r[1], r[2]), r[3]) : _mm512_add_ps(_mm512_add_ps(r[0], r[1]), r[2]);
        const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(sum);
        bf16* const out = to[pixel] + image * image_stride + 16 * v;
        if (v < kVectors && 16 * v + 16 <= valid) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), rounded);
        } else if (valid == kLanes) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(rounded));
        } else {
          std::memcpy(out, &rounded, std::clamp(valid - 16 * v, 0, 16) * sizeof(bf16));
        }
      }
    }
  }
}

template <int kVectors, int kHalf>
[[gnu::noinline]] void multiply(const bf16* input, const bf16* weights, int pairs, float* products) {
  constexpr int kStride = 16 * (kVectors + kHalf), kLanes = 16 * kVectors + 8 * kHalf;
  for (int point = 0; point < kPoints; ++point) {
    const Run run{input + std::size_t{2} * kRows * pairs * point, weights + std::size_t{2} * kLanes * pairs * point,
                  pairs};
    float* const to = products + point * kRows * kStride;
    sum_outer_products<kVectors, kHalf>(&run, 1, [&](int image, const __m512* sums, __m256 half) {
      for (int v = 0; v < kVectors; ++v) _mm512_store_ps(to + image * kStride + 16 * v, sums[v]);
      if constexpr (kHalf) _mm256_store_ps(to + image * kStride + 16 * kVectors, half);
    });
  }
}

void convolve(const Problem& p, const bf16* x, const WeightView& weights, bf16* y) {
  const LaneBlocks blocks(p.outputs);
  static thread_local Workspace weight_space;
  const std::size_t slab = std::size_t{2} * kPoints * p.pairs();  // elements for each lane
  bf16* const packed_weights = weight_space.reserve<bf16>(slab * blocks.padded());

  const int tile_rows = (p.height + 1) / 2, tile_columns = (p.width + 1) / 2;
  const std::size_t pixel_size = std::size_t{2} * kRows * p.pairs(), tile_size = kPoints * pixel_size;  // elements
  const int max_rows = static_cast<int>(
      std::clamp<std::size_t>(kTransformedBytes / (tile_size * tile_columns * sizeof(bf16)), 1, tile_rows));
  const int bands = (tile_rows + max_rows - 1) / max_rows, band_rows = (tile_rows + bands - 1) / bands;
  const int groups = (p.batch + kRows - 1) / kRows;
  const std::size_t in_stride = std::size_t{1} * p.height * p.width * p.inputs;
  const std::size_t out_stride = std::size_t{1} * p.height * p.width * p.outputs;

#pragma omp parallel
  {
#pragma omp for schedule(dynamic)
    for (int block = 0; block < blocks.count; ++block) {
      transform_weights(weights, p, blocks, block, packed_weights + slab * blocks.first(block));
    }
    static thread_local Workspace packed_space, transformed_space, zero_space;
    bf16* const zeros = zero_space.reserve<bf16>(pixel_size);
    std::fill_n(zeros, pixel_size, bf16{0});
    alignas(64) float products[kPoints * kRows * kMaxLanes];
#pragma omp for schedule(dynamic)
    for (int item = 0; item < groups * bands; ++item) {
      const int group = item / bands, images = std::min(kRows, p.batch - group * kRows);
      const int tile_row_begin = std::min(tile_rows, item % bands * band_rows);
      const int tile_row_end = std::min(tile_rows, tile_row_begin + band_rows);
      const int packed_begin = std::max(0, 2 * tile_row_begin - 1);
      const int packed_end = std::max(packed_begin, std::min(p.height, 2 * tile_row_end + 1));
      bf16* const packed = packed_space.reserve<bf16>(p.packed_row() * (packed_end - packed_begin));
      pack_images(x + group * kRows * in_stride + std::size_t{1} * packed_begin * p.width * p.inputs, in_stride, images,
                  std::size_t{1} * (packed_end - packed_begin) * p.width, p.inputs, packed);
      bf16* const transformed = transformed_space.reserve<bf16>(tile_size * band_rows * tile_columns);
      bf16* tile = transformed;
      for (int tile_row = tile_row_begin; tile_row < tile_row_end; ++tile_row) {
        for (int tile_column = 0; tile_column < tile_columns; ++tile_column, tile += tile_size) {
          const bf16* pixels[kPoints];
          for (int i = 0; i < kPoints; ++i) {
            const int row = 2 * tile_row - 1 + i / 4, column = 2 * tile_column - 1 + i % 4;
            const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
            pixels[i] =
                inside ? packed + (std::size_t{1} * (row - packed_begin) * p.width + column) * pixel_size : zeros;
          }
          transform_input(pixels, p.pairs(), tile);
        }
      }
      for (int block = 0; block < blocks.count; ++block) {
        const int first = blocks.first(block), valid = blocks.valid(block);
        with_tile(blocks.lanes(block), [&]<int kVectors, int kHalf>() {
          const bf16* from = transformed;
          for (int tile_row = tile_row_begin; tile_row < tile_row_end; ++tile_row) {
            for (int tile_column = 0; tile_column < tile_columns; ++tile_column, from += tile_size) {
              multiply<kVectors, kHalf>(from, packed_weights + slab * first, p.pairs(), products);
              bf16* to[4];
              for (int i = 0; i < 4; ++i) {
                const int row = 2 * tile_row + i / 2, column = 2 * tile_column + i % 2;
                to[i] =
                    row < p.height && column < p.width
                        ? y + group * kRows * out_stride + (std::size_t{1} * row * p.width + column) * p.outputs + first
                        : nullptr;
              }
              transform_output<kVectors, kHalf>(products, images, out_stride, valid, to);
            }
          }
        });
      }
    }
  }
}

}  // namespace
}  // namespace conv3x3

void conv3x3_winograd_forward(const Conv3x3Shape& s, const bf16* x, const float* weight, bf16* y) {
  conv3x3::check(s);
  conv3x3::convolve({s.batch, s.height, s.width, s.in_channels, s.out_channels}, x,
                    {weight, std::size_t{9} * s.in_channels, 9, false}, y);
}

void conv3x3_winograd_backward_data(const Conv3x3Shape& s, const bf16* dy, const float* weight, bf16* dx) {
  conv3x3::check(s);
  conv3x3::convolve({s.batch, s.height, s.width, s.out_channels, s.in_channels}, dy,
                    {weight, 9, std::size_t{9} * s.in_channels, true}, dx);
}

}  // namespace triage::supernet

#endif
