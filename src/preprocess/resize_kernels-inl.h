// The one source of all builds of ResizeKernels: resize_{portable,avx2,avx512}.cc include it, each behind the pragma
// that sets its target, with TRIAGE_BUILD for the namespace; read alone it is the portable build. No include guard.
//
// Along rows each output pixel has weights and a place of its own, so a vector holds one value of as many rows: a block
// of rows is turned ([value][row]), summed up, and turned back. Down the rows, neighbours share their weights. Sums are
// whole numbers as Pillow's, so that every build gives the same bits.
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "preprocess/resize_kernels.h"

#ifndef TRIAGE_BUILD
#define TRIAGE_BUILD portable
#endif

namespace triage::preprocess::TRIAGE_BUILD {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
constexpr int kLine = 16;  // bytes that are turned at a time
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Bytes = std::uint8_t __attribute__((vector_size(kLanes)));
using Line = std::uint8_t __attribute__((vector_size(kLine)));

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);
constexpr float kWeightUnit = 1.0f / (1 << kWeightBits);

// In and out through references: passing wide vectors by value differs between targets. Compilers widen and narrow
// bytes one by one where they are left to it, hence the instructions by name.
[[gnu::always_inline]] inline void load(const std::uint8_t* from, Ints& to) {
#if defined(__AVX512F__)
  to = (Ints)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif defined(__AVX2__)
  to = (Ints)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#elif defined(__SSE2__)
  const __m128i words = _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)), _mm_setzero_si128());
  const __m128i halves[2] = {_mm_unpacklo_epi16(words, _mm_setzero_si128()),
                             _mm_unpackhi_epi16(words, _mm_setzero_si128())};
  std::memcpy(&to, halves, sizeof to);
#else
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  to = __builtin_convertvector(bytes, Ints);
#endif
}

// Values outside 0 to 255 become these.
[[gnu::always_inline]] inline void store(const Ints& values, std::uint8_t* to) {
#if defined(__AVX512F__)
  const __m512i positive = _mm512_max_epi32((__m512i)values, _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtusepi32_epi8(positive));
#elif defined(__SSE2__)
  __m128i halves[2];
  std::memcpy(halves, &values, sizeof values);
  const __m128i words = _mm_packs_epi32(halves[0], halves[1]);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
#else
  const Ints low = values < 0 ? Ints{} : values;
  const Ints clamped = low > 255 ? Ints{} + 255 : low;
  const Bytes bytes = __builtin_convertvector(clamped, Bytes);
  std::memcpy(to, &bytes, sizeof bytes);
#endif
}

[[gnu::always_inline]] inline std::uint8_t rounded(std::int32_t sum) {
  const std::int32_t value = (sum + kHalf) >> kWeightBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// kLanes lines, taken as one string of bytes whose places are counted by the bits of (line, byte): moves the highest
// bit of each place to the lowest, `times` times. As often as there are bits in a line's number it turns [line][byte]
// to [byte][line], and back with as many as there are in a byte's.
template <int times>
[[gnu::always_inline]] inline void turn(Line (&lines)[kLanes]) {
  for (int time = 0; time < times; ++time) {
    Line turned[kLanes];
    for (int i = 0; i < kLanes / 2; ++i) {
      const Line &a = lines[i], &b = lines[i + kLanes / 2];
      turned[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      turned[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < kLanes; ++i) lines[i] = turned[i];
  }
}
constexpr int kLaneBits = kLanes == 16 ? 4 : 3, kLineBits = 4;

// Bytes [rows][bytes] to [bytes][kLanes]; rows that are not there repeat the last one. In steps of a line, the last one
// of which ends with the row and so overlaps the one before it.
void turn_in(const std::uint8_t* from, std::ptrdiff_t stride, int rows, int bytes, std::uint8_t* to) {
  const std::uint8_t* row[kLanes];
  for (int r = 0; r < kLanes; ++r) row[r] = from + (r < rows ? r : rows - 1) * stride;
  if (bytes < kLine) {
    for (int b = 0; b < bytes; ++b)
      for (int r = 0; r < kLanes; ++r) to[b * kLanes + r] = row[r][b];
    return;
  }
  for (int begin = 0; begin < bytes; begin += kLine) {
    const int at = begin + kLine <= bytes ? begin : bytes - kLine;
    Line lines[kLanes];
    for (int r = 0; r < kLanes; ++r) std::memcpy(&lines[r], row[r] + at, sizeof(Line));
    turn<kLaneBits>(lines);
    for (int i = 0; i < kLanes; ++i) std::memcpy(to + at * kLanes + i * kLine, &lines[i], sizeof(Line));
  }
}

// And back: [bytes][kLanes] to [rows][bytes].
void turn_out(const std::uint8_t* from, int rows, int bytes, std::uint8_t* to) {
  if (bytes < kLine) {
    for (int r = 0; r < rows; ++r)
      for (int b = 0; b < bytes; ++b) to[r * bytes + b] = from[b * kLanes + r];
    return;
  }
  for (int begin = 0; begin < bytes; begin += kLine) {
    const int at = begin + kLine <= bytes ? begin : bytes - kLine;
    Line lines[kLanes];
    for (int i = 0; i < kLanes; ++i) std::memcpy(&lines[i], from + at * kLanes + i * kLine, sizeof(Line));
    turn<kLineBits>(lines);
    for (int r = 0; r < rows; ++r)
      std::memcpy(to + static_cast<std::ptrdiff_t>(r) * bytes + at, &lines[r], sizeof(Line));
  }
}

// `turned` [value][kLanes], value 0 that of the pixel table.first[0]. finish(sums, index of the output value).
// kChannels 0: those of the rows.
template <int kChannels, class Finish>
[[gnu::always_inline]] inline void sum_across(const std::uint8_t* turned, const AxisTable& table, int row_channels,
                                              const Finish& finish) {
  const int channels = kChannels > 0 ? kChannels : row_channels;
  const int count = table.key.window.count, taps = table.taps, begin = table.first.front();
  const std::int32_t *weights = table.weights.data(), *first = table.first.data();
  for (int i = 0; i < count; ++i, weights += taps) {
    const std::uint8_t* pixel = turned + static_cast<std::ptrdiff_t>(first[i] - begin) * channels * kLanes;
    if constexpr (kChannels > 0) {
      Ints sums[kChannels] = {};
      for (int t = 0; t < taps; ++t) {
        for (int c = 0; c < kChannels; ++c, pixel += kLanes) {
          Ints value;
          load(pixel, value);
          sums[c] += value * weights[t];
        }
      }
      for (int c = 0; c < kChannels; ++c) finish(sums[c], i * kChannels + c);
    } else {
      for (int c = 0; c < channels; ++c) {
        Ints sum{};
        for (int t = 0; t < taps; ++t) {
          Ints value;
          load(pixel + (t * channels + c) * kLanes, value);
          sum += value * weights[t];
        }
        finish(sum, i * channels + c);
      }
    }
  }
}

// Turns the rows in and sums them up; returns the place in `work` behind what was turned.
template <class Make>
void across_turned(const PixelRows& rows, const AxisTable& table, std::uint8_t* work, const Make& make) {
  const int begin = table.first.front(), bytes = (table.first.back() + table.taps - begin) * rows.channels;
  turn_in(rows.pixels + static_cast<std::ptrdiff_t>(begin) * rows.channels, rows.stride, rows.count, bytes, work);
  std::uint8_t* const sums = work + static_cast<std::ptrdiff_t>(bytes) * kLanes;
  const auto finish = make(sums);
  if (rows.channels == 3) {
    sum_across<3>(work, table, 3, finish);
  } else if (rows.channels == 1) {
    sum_across<1>(work, table, 1, finish);
  } else {
    sum_across<0>(work, table, rows.channels, finish);
  }
}

void across(const PixelRows& rows, const AxisTable& table, std::uint8_t* work, std::uint8_t* output) {
  std::uint8_t* turned = nullptr;
  across_turned(rows, table, work, [&](std::uint8_t* sums) {
    turned = sums;
    return [sums](const Ints& sum, int value) {
      const Ints shifted = (sum + kHalf) >> kWeightBits;
      store(shifted, sums + static_cast<std::ptrdiff_t>(value) * kLanes);
    };
  });
  turn_out(turned, rows.count, table.key.window.count * rows.channels, output);
}

void across_precise(const PixelRows& rows, const AxisTable& table, std::uint8_t* work, float* output) {
  const int values = table.key.window.count * rows.channels;
  const float* turned = nullptr;
  across_turned(rows, table, work, [&](std::uint8_t* sums) {
    turned = reinterpret_cast<const float*>(sums);  // aligned: what is in front of it are whole vectors
    return [sums](const Ints& sum, int value) {
      const Floats precise = __builtin_convertvector(sum, Floats) * kWeightUnit;
      std::memcpy(sums + static_cast<std::ptrdiff_t>(value) * static_cast<std::ptrdiff_t>(sizeof precise), &precise,
                  sizeof precise);
    };
  });
  for (int r = 0; r < rows.count; ++r)
    for (int v = 0; v < values; ++v) output[static_cast<std::ptrdiff_t>(r) * values + v] = turned[v * kLanes + r];
}

void down(const std::uint8_t* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
          std::uint8_t* output) {
  constexpr int kVectors = 4, kStep = kVectors * kLanes;
  const int taps = table.taps;
  const std::int32_t* weights = table.weights.data() + static_cast<std::ptrdiff_t>(i) * taps;
  if (values < kStep) {
    for (int x = 0; x < values; ++x) {
      std::int32_t sum = 0;
      for (int t = 0; t < taps; ++t) sum += weights[t] * rows[t * stride + x];
      output[x] = rounded(sum);
    }
    return;
  }
  for (int begin = 0; begin < values; begin += kStep) {
    const int at = begin + kStep <= values ? begin : values - kStep;
    Ints sums[kVectors] = {};
    const std::uint8_t* row = rows + at;
    for (int t = 0; t < taps; ++t, row += stride) {
      for (int v = 0; v < kVectors; ++v) {
        Ints value;
        load(row + v * kLanes, value);
        sums[v] += value * weights[t];
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      const Ints shifted = (sums[v] + kHalf) >> kWeightBits;
      store(shifted, output + at + v * kLanes);
    }
  }
}

// Rounded half to even, as OpenCV's.
void down_precise(const float* rows, std::ptrdiff_t stride, const AxisTable& table, int i, int values,
                  std::uint8_t* output) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the even whole number
  const int taps = table.taps;
  const std::int32_t* weights = table.weights.data() + static_cast<std::ptrdiff_t>(i) * taps;
  if (values < kLanes) {
    for (int x = 0; x < values; ++x) {
      float sum = 0;
      for (int t = 0; t < taps; ++t) sum += rows[t * stride + x] * (static_cast<float>(weights[t]) * kWeightUnit);
      const float whole = (sum + kRound) - kRound;
      output[x] = static_cast<std::uint8_t>(whole < 0 ? 0 : whole > 255 ? 255 : whole);
    }
    return;
  }
  for (int begin = 0; begin < values; begin += kLanes) {
    const int at = begin + kLanes <= values ? begin : values - kLanes;
    Floats sum{};
    for (int t = 0; t < taps; ++t) {
      Floats value;
      std::memcpy(&value, rows + t * stride + at, sizeof value);
      sum += value * (static_cast<float>(weights[t]) * kWeightUnit);
    }
    const Ints whole = __builtin_convertvector((sum + kRound) - kRound, Ints);
    store(whole, output + at);
  }
}

void grey(const std::uint8_t* pixels, std::ptrdiff_t count, std::uint8_t* output) {
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const int sum = pixels[3 * i] * 19595 + pixels[3 * i + 1] * 38470 + pixels[3 * i + 2] * 7471 + 0x8000;
    output[i] = static_cast<std::uint8_t>(sum >> 16);
  }
}

// Known strides let the compiler shuffle whole vectors.
void store_planes(const std::uint8_t* pixels, int count, const PixelValues& values, float* __restrict output) {
  const float level0 = values.level[0], level1 = values.level[1], level2 = values.level[2];
  const float factor0 = values.factor[0], factor1 = values.factor[1], factor2 = values.factor[2];
  float* __restrict second = output + values.channel_stride;
  float* __restrict third = second + values.channel_stride;
  const int from0 = values.reversed ? 2 : 0;
  if (from0 == 0) {
    for (int i = 0; i < count; ++i) {
      output[i] = (static_cast<float>(pixels[3 * i]) - level0) * factor0;
      second[i] = (static_cast<float>(pixels[3 * i + 1]) - level1) * factor1;
      third[i] = (static_cast<float>(pixels[3 * i + 2]) - level2) * factor2;
    }
  } else {
    for (int i = 0; i < count; ++i) {
      output[i] = (static_cast<float>(pixels[3 * i + 2]) - level0) * factor0;
      second[i] = (static_cast<float>(pixels[3 * i + 1]) - level1) * factor1;
      third[i] = (static_cast<float>(pixels[3 * i]) - level2) * factor2;
    }
  }
}

void store_values(const std::uint8_t* pixels, int count, const PixelValues& values, float* output) {
  const int stored = values.pixel_channels;
  if (stored == 3 && values.channels == 3 && values.pixel_stride == 1)
    return store_planes(pixels, count, values, output);
  for (int c = 0; c < values.channels; ++c) {
    const int source = stored == 1 ? 0 : values.reversed ? values.channels - 1 - c : c;
    const float level = values.level[c], factor = values.factor[c];
    float* const to = output + c * values.channel_stride;
    for (int i = 0; i < count; ++i)
      to[i * values.pixel_stride] = (static_cast<float>(pixels[i * stored + source]) - level) * factor;
  }
}

}  // namespace

const ResizeKernels& resize_kernels() {
  static constexpr ResizeKernels kKernels{kLanes, across, across_precise, down, down_precise, grey, store_values};
  return kKernels;
}

}  // namespace triage::preprocess::TRIAGE_BUILD

#undef TRIAGE_BUILD
