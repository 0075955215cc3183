// Backward-weights: dweight[oc][ic][tap] = sum over images and pixels of dy[n][pixel][oc] * x[n][pixel + tap][ic].
//
// pack_channels: a chunk of images -> [channel block][row][column][image pair][lanes][2]. Pairing images, not pixels,
//   lets every tap shift x against dy without breaking a pair.
// add_block: one block of output channels. For each tap and 8 input channels one register tile, summed over all pixels
//   and image pairs of the chunk, is added to a partial gradient.
// write_gradient: adds the partial gradients in a fixed order and brings them into the layout of the weights.
// Split: cuts the work into items = slots (parts of the batch, each with its own partial gradient) x ranges of output
//   channel blocks. Slots and chunks, all that rounding depends on, follow from the shape; ranges from the threads.
#if defined(__x86_64__)

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <vector>

#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/conv3x3_bf16_tile.h"

#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace triage::supernet {
namespace conv3x3 {
namespace {

constexpr std::size_t kPackedBytes = 512 << 10;  // x and dy packed at a time by a thread: within L2
constexpr std::size_t kPartialBytes = 2 << 20;   // all partial gradients, unless a single one is larger
constexpr int kMaxSlots = 16;
constexpr std::size_t kSkew = 32;  // elements between packed blocks, against cache set conflicts

struct Split {
  explicit Split(const Conv3x3Shape& s) : blocks(s.out_channels), input_blocks((s.in_channels + 7) / 8) {
    pixels = std::size_t{1} * s.height * s.width;
    partial = std::size_t{9} * 8 * input_blocks * blocks.padded();
    const int pairs_in_batch = (s.batch + 1) / 2;
    slots = std::clamp<int>(static_cast<int>(kPartialBytes / (partial * sizeof(float))), 1,
                            std::min(kMaxSlots, pairs_in_batch));
    ranges = std::min(blocks.count, (2 * omp_get_max_threads() + slots - 1) / slots);
    slot_pairs = (pairs_in_batch + slots - 1) / slots;
    const std::size_t lanes = 8 * input_blocks + std::min(blocks.padded(), kMaxLanes);
    const std::size_t pair_bytes = 2 * sizeof(bf16) * pixels * lanes;
    chunk_pairs = static_cast<int>(std::clamp<std::size_t>(kPackedBytes / pair_bytes, 1, slot_pairs));
  }
  std::size_t packed(int lanes, int pairs) const { return pixels * pairs * lanes * 2 + kSkew; }  // elements of a block

  LaneBlocks blocks;  // of output channels
  int input_blocks;   // of 8 channels
  std::size_t pixels, partial;
  int slots, ranges, slot_pairs, chunk_pairs;
};

// 16 channels (those in the mask) of two images, each into one half of the 32-bit lanes.
__m512i interleave(const bf16* first, const bf16* second, __mmask16 mask, __mmask16 second_mask) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, first));
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second_mask, second));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Channels [first, first + valid) of `images` images, cut into blocks of `lanes` (8 or the last of `padded` lanes)
// -> [block][pixel][image pair][lanes][2], blocks `block_stride` elements apart. Missing channels and images are zero.
void pack_channels(const bf16* x, int images, std::size_t pixels, int channels, int first, int valid, int padded,
                   int lanes, std::size_t block_stride, bf16* packed) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    for (int image = 0; image < images; image += 2, packed += 2 * lanes) {
      const bf16* const one = x + (image * pixels + pixel) * channels + first;
      const bool has_two = image + 1 < images;
      const bf16* const two = has_two ? one + pixels * channels : one;
      bf16* to = packed;
      for (int lane = 0; lane < padded; lane += 16) {
        const __mmask16 mask = first_lanes(valid - lane);
        const __m512i both = interleave(one + lane, two + lane, mask, has_two ? mask : __mmask16{0});
        if (lanes != kRows && lane + 16 <= padded) {
          _mm512_storeu_si512(to + 2 * lane, both);
        } else {
          _mm256_store_si256(reinterpret_cast<__m256i*>(to + (lanes == kRows ? lane / 8 * block_stride : 2 * lane)),
                             _mm512_castsi512_si256(both));
          if (lane + 16 <= padded) {
            _mm256_store_si256(reinterpret_cast<__m256i*>(to + (lane / 8 + 1) * block_stride),
                               _mm512_extracti64x4_epi64(both, 1));
          }
        }
      }
    }
  }
}

// partial [9][input block][8][lanes] += (or =, for the first chunk) the sums over one chunk.
template <int kVectors, int kHalf>
void add_block(const Conv3x3Shape& s, const Split& split, int pairs, const bf16* x, const bf16* dy, bool first_chunk,
               std::vector<Run>& runs, float* partial) {
  constexpr int kLanes = 16 * kVectors + 8 * kHalf;
  for (int block = 0; block < split.input_blocks; ++block) {
    const bf16* const x_block = x + block * split.packed(kRows, pairs);
    for (int tap = 0; tap < 9; ++tap) {
      const int row_shift = tap / 3 - 1, column_shift = tap % 3 - 1;
      const int row_begin = std::max(0, -row_shift), row_end = std::min(s.height, s.height - row_shift);
      const int column_begin = std::max(0, -column_shift), column_end = std::min(s.width, s.width - column_shift);
      runs.clear();
      for (int row = row_begin; row < row_end && column_begin < column_end; ++row) {
        const std::size_t to = std::size_t{1} * row * s.width + column_begin;
        const std::size_t from = std::size_t{1} * (row + row_shift) * s.width + column_begin + column_shift;
        runs.push_back(
            {x_block + from * pairs * kRows * 2, dy + to * pairs * kLanes * 2, (column_end - column_begin) * pairs});
      }
      float* const tile = partial + (std::size_t{1} * tap * split.input_blocks + block) * kRows * kLanes;
      sum_outer_products<kVectors, kHalf>(runs.data(), static_cast<int>(runs.size()),
                                          [&](int row, const __m512* sums, __m256 half) {
                                            add_row<kVectors, kHalf>(tile + row * kLanes, sums, half, first_chunk);
                                          });
    }
  }
}

// The partial gradient of one slot and a range of output channel blocks.
void add_item(const Conv3x3Shape& s, const Split& split, int slot, int block_begin, int block_end, const bf16* x,
              const bf16* dy, float* partial) {
  static thread_local Workspace x_space, dy_space;
  static thread_local std::vector<Run> runs;
  const int image_begin = std::min(s.batch, 2 * slot * split.slot_pairs);
  const int image_end = std::min(s.batch, image_begin + 2 * split.slot_pairs);
  const int chunk = 2 * split.chunk_pairs;
  for (int image = image_begin; image < image_end; image += chunk) {
    const int images = std::min(chunk, image_end - image), pairs = (images + 1) / 2;
    bf16* const x_packed = x_space.reserve<bf16>(split.packed(kRows, pairs) * split.input_blocks);
    bf16* const dy_packed = dy_space.reserve<bf16>(split.packed(kMaxLanes, pairs));
    pack_channels(x + image * split.pixels * s.in_channels, images, split.pixels, s.in_channels, 0, s.in_channels,
                  kRows * split.input_blocks, kRows, split.packed(kRows, pairs), x_packed);
    for (int block = block_begin; block < block_end; ++block) {
      const int first = split.blocks.first(block), lanes = split.blocks.lanes(block);
      pack_channels(dy + image * split.pixels * s.out_channels, images, split.pixels, s.out_channels, first,
                    split.blocks.valid(block), lanes, lanes, 0, dy_packed);
      with_tile(lanes, [&]<int kVectors, int kHalf>() {
        add_block<kVectors, kHalf>(s, split, pairs, x_packed, dy_packed, image == image_begin, runs,
                                   partial + std::size_t{9} * 8 * split.input_blocks * first);
      });
    }
  }
}

// One block of output channels: the sum over slots, in their order, to [oc][ic][3][3].
void write_gradient(const Conv3x3Shape& s, const Split& split, int block, const float* partials, int slots,
                    float* dweight) {
  const int first = split.blocks.first(block), lanes = split.blocks.lanes(block), valid = split.blocks.valid(block);
  partials += std::size_t{9} * 8 * split.input_blocks * first;
  for (int channel = 0; channel < s.in_channels; ++channel) {
    float sums[9][kMaxLanes];
    for (int tap = 0; tap < 9; ++tap) {
      const float* from = partials + (std::size_t{8} * tap * split.input_blocks + channel) * lanes;
      std::copy_n(from, lanes, sums[tap]);
      for (int slot = 1; slot < slots; ++slot) {
        from += split.partial;
        for (int lane = 0; lane < lanes; ++lane) sums[tap][lane] += from[lane];
      }
    }
    for (int lane = 0; lane < valid; ++lane) {
      float* const to = dweight + std::size_t{9} * (std::size_t{1} * s.in_channels * (first + lane) + channel);
      for (int tap = 0; tap < 9; ++tap) to[tap] = sums[tap][lane];
    }
  }
}

}  // namespace
}  // namespace conv3x3

void conv3x3_backward_weights(const Conv3x3Shape& s, const bf16* x, const bf16* dy, float* dweight) {
  using namespace conv3x3;
  check(s);
  const Split split(s);
  static thread_local Workspace partial_space;
  float* const partials = partial_space.reserve<float>(split.partial * split.slots);
  const int used_slots = ((s.batch + 1) / 2 + split.slot_pairs - 1) / split.slot_pairs;

  sum_over_slots(
      used_slots, split.ranges, split.blocks.count,
      [&](int slot, int begin, int end) {
        add_item(s, split, slot, begin, end, x, dy, partials + slot * split.partial);
      },
      [&](int block) { write_gradient(s, split, block, partials, used_slots, dweight); });
}

}  // namespace triage::supernet

#endif
