// Backward-weights by Winograd, the derivative of F(2x2, 3x3) (see conv3x3_bf16_winograd.cc):
// dg = G^T [ sum (A dy A^T) . (B^T d B) ] G over all tiles of 2x2 pixels of dy (4x4 of x) and all images.
//
// transform_steps: a step is one tile of a pair of images. x of a chunk -> [16 points][input block][step][16][2],
//   dy -> [16 points][output block][step][lanes][2], bf16: whole cache lines.
// add_block: for one point the product of the two, added to a partial gradient. Point by point, so that only a part of
//   the transformed chunk has to be in L2.
// write_gradient: adds the partial gradients in a fixed order, G^T m G, to the layout of the weights.
// Split: cuts all steps into slots (each with its own partial gradient) and these into chunks, by the shape only; where
//   there are more threads than slots, output blocks are spread over threads too.
#if defined(__x86_64__)

#include <immintrin.h>
#include <omp.h>

#include <algorithm>

#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/conv3x3_bf16_tile.h"

#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace triage::supernet {
namespace conv3x3 {
namespace {

constexpr int kPoints = 16;
constexpr int kInputs = 2 * kRows;                    // channels of a block of x: two register tiles
constexpr std::size_t kTransformedBytes = 640 << 10;  // aimed at for a chunk
constexpr int kMinChunk = 128;                        // steps: less would be spent on loading and storing sums
constexpr std::size_t kPartialBytes = 16 << 20;       // all partial gradients, unless kMinSlots are larger
constexpr int kMinSlots = 4, kMaxSlots = 16;
constexpr std::size_t kSkew = 32;  // elements between packed blocks, against cache set conflicts

struct Split {
  explicit Split(const Conv3x3Shape& s)
      : blocks(s.out_channels),
        input_tiles((s.in_channels + kRows - 1) / kRows),
        input_blocks((s.in_channels + kInputs - 1) / kInputs),
        tile_columns((s.width + 1) / 2),
        tiles((s.height + 1) / 2 * tile_columns),
        steps(std::int64_t{1} * (s.batch + 1) / 2 * tiles),
        partial(std::size_t{kRows} * kPoints * input_tiles * blocks.padded()) {
    const std::int64_t most = std::clamp<std::int64_t>(kPartialBytes / (partial * sizeof(float)), kMinSlots, kMaxSlots);
    slots = static_cast<int>(std::clamp<std::int64_t>(steps / kMinChunk, 1, most));
    slot_steps = (steps + slots - 1) / slots;
    const std::int64_t step_bytes = kPoints * 2 * sizeof(bf16) * (kInputs * input_blocks + blocks.padded());
    const std::int64_t chunk_limit =
        std::max<std::int64_t>(kMinChunk, static_cast<std::int64_t>(kTransformedBytes) / step_bytes);
    const std::int64_t chunks = (slot_steps + chunk_limit - 1) / chunk_limit;
    chunk = static_cast<int>((slot_steps + chunks - 1) / chunks);
    ranges = std::min(blocks.count, (omp_get_max_threads() + slots - 1) / slots);
  }
  // Elements of a transformed block and of a point's blocks together.
  std::size_t input_block() const { return std::size_t{2} * kInputs * chunk + kSkew; }
  std::size_t input_point() const { return input_blocks * input_block(); }
  std::size_t output_block(int first) const { return std::size_t{2} * first * chunk; }
  std::size_t output_point() const { return output_block(blocks.padded()) + kSkew; }

  LaneBlocks blocks;  // of output channels
  int input_tiles;    // of kRows channels
  int input_blocks;   // of kInputs channels
  int tile_columns, tiles;
  std::int64_t steps;
  std::size_t partial;
  std::int64_t slot_steps;
  int slots, chunk, ranges;
};

// Where the size x size pixels from (row, column) lie, and which of them exist (bit i of inside).
struct Window {
  Window(const Conv3x3Shape& s, int row, int column, int size, int channels) : whole((1u << size * size) - 1) {
    for (int i = 0; i < size * size; ++i) {
      const int r = row + i / size, c = column + i % size;
      offsets[i] = (std::ptrdiff_t{1} * r * s.width + c) * channels;
      inside |= static_cast<unsigned>(r >= 0 && r < s.height && c >= 0 && c < s.width) << i;
    }
  }
  std::ptrdiff_t offsets[kPoints];
  unsigned inside = 0, whole;
};

// 16 channels of one image's tile; pixels outside and channels not in the mask are zero, unless kAll says there are
// none.
template <bool kAll>
struct Source {
  const bf16* data;
  const Window& window;
  unsigned inside;
  __mmask16 mask;

  [[gnu::always_inline]] __m512 operator()(int i) const {
    const bf16* const from = data + window.offsets[i];
    const __m256i words = kAll ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))
                               : _mm256_maskz_loadu_epi16(inside >> i & 1 ? mask : __mmask16{0}, from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
  }
};

// B^T d B of 4x4 pixels of x.
struct TransformX {
  template <bool kAll>
  [[gnu::always_inline]] void operator()(const Source<kAll>& x, __m512 out[kPoints]) const {
    __m512 d[4][4];
#pragma GCC unroll 4
    for (int col = 0; col < 4; ++col) {
      const __m512 a = x(col), b = x(4 + col), c = x(8 + col), e = x(12 + col);
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
};

// A d A^T of 2x2 pixels of dy, but with the signs of the last row and column left to write_gradient.
struct TransformDy {
  template <bool kAll>
  [[gnu::always_inline]] void operator()(const Source<kAll>& dy, __m512 out[kPoints]) const {
    __m512 d[4][2];
#pragma GCC unroll 2
    for (int col = 0; col < 2; ++col) {
      d[0][col] = dy(col);
      d[3][col] = dy(2 + col);
      d[1][col] = _mm512_add_ps(d[0][col], d[3][col]);
      d[2][col] = _mm512_sub_ps(d[0][col], d[3][col]);
    }
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
      out[4 * row] = d[row][0];
      out[4 * row + 1] = _mm512_add_ps(d[row][0], d[row][1]);
      out[4 * row + 2] = _mm512_sub_ps(d[row][0], d[row][1]);
      out[4 * row + 3] = d[row][1];
    }
  }
};

// Both images of a pair, rounded and interleaved: [16 channels][2] to each point, of the first `lanes` channels.
template <bool kAll, class Transform>
[[gnu::always_inline]] inline void transform_both(const Source<kAll>& first, const Source<kAll>& second, int lanes,
                                                  std::size_t point_stride, bf16* to) {
  alignas(64) static constexpr std::uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(kOrder);
  __m512 low[kPoints], high[kPoints];
  Transform()(first, low);
  Transform()(second, high);
#pragma GCC unroll 16
  for (int i = 0; i < kPoints; ++i, to += point_stride) {
    const __m512i both = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high[i], low[i]));
    if (lanes >= 16) {
      _mm512_storeu_si512(to, both);
    } else {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(both));
    }
  }
}

// `channels` channels (at most 16, padded to `lanes`) of the pair's images at `data`; an absent second one is zero.
template <class Transform>
[[gnu::noinline]] void transform_pair(const bf16* data, std::ptrdiff_t image_stride, bool has_second,
                                      const Window& window, int channels, int lanes, std::size_t point_stride,
                                      bf16* to) {
  const bf16* const second = data + image_stride;
  if (channels >= 16 && has_second && window.inside == window.whole) {
    transform_both<true, Transform>({data, window, 0, 0}, {second, window, 0, 0}, 16, point_stride, to);
  } else {
    const __mmask16 mask = first_lanes(channels);
    transform_both<false, Transform>({data, window, window.inside, mask},
                                     {second, window, has_second ? window.inside : 0, mask}, lanes, point_stride, to);
  }
}

// Steps [begin, begin + count) of x, and of the output blocks [block_begin, block_end) of dy.
void transform_steps(const Conv3x3Shape& s, const Split& split, std::int64_t begin, int count, int block_begin,
                     int block_end, const bf16* x, const bf16* dy, bf16* x_out, bf16* dy_out) {
  const std::ptrdiff_t x_image = std::ptrdiff_t{1} * s.height * s.width * s.in_channels;
  const std::ptrdiff_t dy_image = std::ptrdiff_t{1} * s.height * s.width * s.out_channels;
  for (int step = 0; step < count; ++step) {
    const std::int64_t image = (begin + step) / split.tiles * 2;
    const int tile = static_cast<int>((begin + step) % split.tiles);
    const int row = tile / split.tile_columns * 2, column = tile % split.tile_columns * 2;
    const bool has_second = image + 1 < s.batch;
    const Window x_window(s, row - 1, column - 1, 4, s.in_channels), dy_window(s, row, column, 2, s.out_channels);
    for (int block = 0; block < split.input_blocks; ++block) {
      transform_pair<TransformX>(x + image * x_image + block * kInputs, x_image, has_second, x_window,
                                 s.in_channels - block * kInputs, 16, split.input_point(),
                                 x_out + block * split.input_block() + std::size_t{2} * kInputs * step);
    }
    for (int block = block_begin; block < block_end; ++block) {
      const int first = split.blocks.first(block), lanes = split.blocks.lanes(block);
      for (int lane = 0; lane < lanes; lane += 16) {
        transform_pair<TransformDy>(dy + image * dy_image + first + lane, dy_image, has_second, dy_window,
                                    split.blocks.valid(block) - lane, lanes - lane, split.output_point(),
                                    dy_out + split.output_block(first) + std::size_t{2} * (lanes * step + lane));
      }
    }
  }
}

// partial [input tile][8][lanes] of one point and output block += (or =, for the first chunk) the sums over a chunk.
template <int kVectors, int kHalf>
[[gnu::noinline]] void add_block(const Split& split, int count, const bf16* x, const bf16* dy, bool first_chunk,
                                 float* partial) {
  constexpr int kLanes = 16 * kVectors + 8 * kHalf;
  for (int tile = 0; tile < split.input_tiles; ++tile, partial += kRows * kLanes) {
    const Run run{x + tile / 2 * split.input_block() + tile % 2 * 2 * kRows, dy, count};
    sum_outer_products<kVectors, kHalf, 2 * kInputs>(&run, 1, [&](int row, const __m512* sums, __m256 half) {
      add_row<kVectors, kHalf>(partial + row * kLanes, sums, half, first_chunk);
    });
  }
}

// The partial gradient [16 points][output block][input tile][8][lanes] of one slot and a range of output blocks.
void add_item(const Conv3x3Shape& s, const Split& split, int slot, int block_begin, int block_end, const bf16* x,
              const bf16* dy, float* partial) {
  static thread_local Workspace x_space, dy_space;
  bf16* const x_points = x_space.reserve<bf16>(kPoints * split.input_point());
  bf16* const dy_points = dy_space.reserve<bf16>(kPoints * split.output_point());
  const std::int64_t begin = slot * split.slot_steps, end = std::min(split.steps, begin + split.slot_steps);
  for (std::int64_t step = begin; step < end; step += split.chunk) {
    const int count = static_cast<int>(std::min<std::int64_t>(split.chunk, end - step));
    transform_steps(s, split, step, count, block_begin, block_end, x, dy, x_points, dy_points);
    for (int point = 0; point < kPoints; ++point) {
      for (int block = block_begin; block < block_end; ++block) {
        const int first = split.blocks.first(block);
        with_tile(split.blocks.lanes(block), [&]<int kVectors, int kHalf>() {
          add_block<kVectors, kHalf>(split, count, x_points + point * split.input_point(),
                                     dy_points + point * split.output_point() + split.output_block(first),
                                     step == begin,
                                     partial + std::size_t{kRows} * split.input_tiles *
                                                   (std::size_t{1} * point * split.blocks.padded() + first));
        });
      }
    }
  }
}

// w = G^T m, with the sign that TransformDy left out.
void transform_gradient(__m512 m0, __m512 m1, __m512 m2, __m512 m3, __m512 w[3]) {
  const __m512 half = _mm512_set1_ps(.5f), sum = _mm512_mul_ps(half, _mm512_add_ps(m1, m2));
  w[0] = _mm512_add_ps(m0, sum);
  w[1] = _mm512_mul_ps(half, _mm512_sub_ps(m1, m2));
  w[2] = _mm512_sub_ps(sum, m3);
}

// One block of output channels: G^T m G of the sum m over slots, in their order, to [oc][ic][3][3].
void write_gradient(const Conv3x3Shape& s, const Split& split, int block, int slots, const float* partials,
                    float* dweight) {
  const int first = split.blocks.first(block), lanes = split.blocks.lanes(block), valid = split.blocks.valid(block);
  const std::size_t tile_rows = std::size_t{kRows} * split.input_tiles;
  for (int channel = 0; channel < s.in_channels; ++channel) {
    alignas(64) float taps[9][kMaxLanes];
    for (int lane = 0; lane < lanes; lane += 16) {
      __m512 m[kPoints];
      for (int point = 0; point < kPoints; ++point) {
        const float* from = partials + tile_rows * (std::size_t{1} * point * split.blocks.padded() + first) +
                            std::size_t{1} * channel * lanes + lane;
        m[point] = _mm512_maskz_loadu_ps(first_lanes(lanes - lane), from);
        for (int slot = 1; slot < slots; ++slot) {
          from += split.partial;
          m[point] = _mm512_add_ps(m[point], _mm512_maskz_loadu_ps(first_lanes(lanes - lane), from));
        }
      }
      __m512 rows[4][3];
      for (int row = 0; row < 4; ++row) {
        transform_gradient(m[4 * row], m[4 * row + 1], m[4 * row + 2], m[4 * row + 3], rows[row]);
      }
      for (int col = 0; col < 3; ++col) {
        __m512 column[3];
        transform_gradient(rows[0][col], rows[1][col], rows[2][col], rows[3][col], column);
        for (int row = 0; row < 3; ++row) _mm512_store_ps(&taps[3 * row + col][lane], column[row]);
      }
    }
    for (int lane = 0; lane < valid; ++lane) {
      float* const to = dweight + std::size_t{9} * (std::size_t{1} * s.in_channels * (first + lane) + channel);
      for (int tap = 0; tap < 9; ++tap)
        to[tap] = taps[tap][lane];  // NOLINT(clang-analyzer-core.uninitialized.Assign): valid <= lanes
    }
  }
}

}  // namespace
}  // namespace conv3x3

void conv3x3_winograd_backward_weights(const Conv3x3Shape& s, const bf16* x, const bf16* dy, float* dweight) {
  using namespace conv3x3;
  check(s);
  const Split split(s);
  static thread_local Workspace partial_space;
  float* const partials = partial_space.reserve<float>(split.partial * split.slots);
  const int used_slots = static_cast<int>((split.steps + split.slot_steps - 1) / split.slot_steps);

  sum_over_slots(
      used_slots, split.ranges, split.blocks.count,
      [&](int slot, int begin, int end) {
        add_item(s, split, slot, begin, end, x, dy, partials + slot * split.partial);
      },
      [&](int block) { write_gradient(s, split, block, used_slots, partials, dweight); });
}

}  // namespace triage::supernet

#endif
