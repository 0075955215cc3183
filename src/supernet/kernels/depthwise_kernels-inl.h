// The one source of all builds of DepthwiseKernels: depthwise_{portable,avx2,avx512}.cc include it, each behind the
// pragma that sets its target, with TRIAGE_BUILD for the namespace; read alone it is the portable build. No include
// guard.
//
// Channels are walked in vectors of 16, then 8, then one by one (lanes-inl.h). For each, the image is first widened
// into a plane of fp32 vectors with a border of zeros, [H + 2 p][W + 2 p][lanes]: behind that no place is a special
// case, and what every tap reads again is widened once.
#include "supernet/kernels/depthwise_kernels.h"
#include "supernet/kernels/lanes-inl.h"

namespace triage::supernet::TRIAGE_BUILD {

constexpr std::ptrdiff_t kAhead = 16;  // pixels

// A [height, width] image's channels from c on, as such a plane.
template <int W, class T>
void widen(int height, int width, int channels, int c, int border, const T* image, float* plane) {
  const std::size_t row = std::size_t(width + 2 * border) * W, rim = std::size_t(border) * W;
  std::memset(plane, 0, border * row * sizeof(float));
  plane += border * row;
  for (int h = 0; h < height; ++h, plane += row) {
    std::memset(plane, 0, rim * sizeof(float));
    const T* from = image + std::size_t(h) * width * channels + c;
    float* to = plane + rim;
    for (int w = 0; w < width; ++w, from += channels, to += W) {
      __builtin_prefetch(from + kAhead * channels);  // the CPU sees no stream where each pixel lies in lines of its own
      store<W>(to, load<W>(from));
    }
    std::memset(to, 0, rim * sizeof(float));
  }
  std::memset(plane, 0, border * row * sizeof(float));
}

struct Tap {
  std::ptrdiff_t offset;  // into the plane, floats
  const float* weight;    // its vector
};

// N results side by side: out[i] is the sum over the taps of plane[offset + i * step] * weight.
template <int W, int N, class T>
[[gnu::always_inline]] inline void correlate_some(const float* plane, std::ptrdiff_t step, const Tap* taps, int count,
                                                  T* out, std::ptrdiff_t out_step) {
  typename Lanes<W>::F sums[N] = {};
  for (int k = 0; k < count; ++k) {
    const auto weight = load<W>(taps[k].weight);
    const float* const from = plane + taps[k].offset;
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) sums[i] += load<W>(from + i * step) * weight;
  }
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) store<W>(out + i * out_step, sums[i]);
}

template <int W, class T>
void correlate(int results, const float* plane, std::ptrdiff_t step, const Tap* taps, int count, T* out,
               std::ptrdiff_t out_step) {
  int i = 0;
  for (; i + 8 <= results; i += 8)
    correlate_some<W, 8>(plane + i * step, step, taps, count, out + i * out_step, out_step);
  for (; i + 4 <= results; i += 4)
    correlate_some<W, 4>(plane + i * step, step, taps, count, out + i * out_step, out_step);
  for (; i < results; ++i) correlate_some<W, 1>(plane + i * step, step, taps, count, out + i * out_step, out_step);
}

constexpr int kMostTaps = kLargestDepthwise * kLargestDepthwise;

template <class T>
void forward(const DepthwiseShape& s, const T* x, const float* weights, T* y, float* plane) {
  const int border = s.kernel / 2, out_width = s.out_width();
  over_channels(s.channels, [&]<int W>(int c) {
    const std::ptrdiff_t row = std::ptrdiff_t(s.width + 2 * border) * W;
    Tap taps[kMostTaps];
    for (int k = 0; k < s.kernel * s.kernel; ++k)
      taps[k] = {k / s.kernel * row + k % s.kernel * W, weights + std::ptrdiff_t(k) * s.channels + c};
    widen<W>(s.height, s.width, s.channels, c, border, x, plane);
    for (int h = 0; h < s.out_height(); ++h)
      correlate<W>(out_width, plane + h * s.stride * row, s.stride * W, taps, s.kernel * s.kernel,
                   y + std::size_t(h) * out_width * s.channels + c, s.channels);
  });
}

// dx at (h, w) is the sum over the taps (r, q) of dy at ((h + p - r) / stride, (w + p - q) / stride), where both are
// whole: places that agree modulo the stride have the same taps.
template <class T>
void backward_data(const DepthwiseShape& s, const T* dy, const float* weights, T* dx, float* plane) {
  const int border = s.kernel / 2, height = s.out_height(), width = s.out_width();
  over_channels(s.channels, [&]<int W>(int c) {
    const std::ptrdiff_t row = std::ptrdiff_t(width + 2 * border) * W;
    widen<W>(height, width, s.channels, c, border, dy, plane);
    for (int a = 0; a < std::min(s.stride, s.height); ++a) {
      for (int b = 0; b < std::min(s.stride, s.width); ++b) {
        Tap taps[kMostTaps];
        int count = 0;
        for (int r = 0; r < s.kernel; ++r) {
          for (int q = 0; q < s.kernel; ++q) {
            const int down = a + border - r, right = b + border - q;
            if (down % s.stride != 0 || right % s.stride != 0) continue;
            taps[count++] = {(down / s.stride + border) * row + (right / s.stride + border) * W,
                             weights + (std::ptrdiff_t(r) * s.kernel + q) * s.channels + c};
          }
        }
        const int places = (s.width - b + s.stride - 1) / s.stride;
        for (int h = a; h < s.height; h += s.stride)
          correlate<W>(places, plane + h / s.stride * row, W, taps, count,
                       dx + (std::size_t(h) * s.width + b) * s.channels + c, std::ptrdiff_t(s.stride) * s.channels);
      }
    }
  });
}

// Of the taps (r, q) to (r, q + N - 1); sums of places at even and odd columns apart, for more of them in flight.
template <int W, int N>
void tap_gradients(const DepthwiseShape& s, const float* x, const float* dy, int r, int q, float* dtaps) {
  const int width = s.out_width();
  const std::ptrdiff_t row = std::ptrdiff_t(s.width + s.kernel / 2 * 2) * W, step = std::ptrdiff_t(s.stride) * W;
  typename Lanes<W>::F even[N] = {}, odd[N] = {};
  for (int h = 0; h < s.out_height(); ++h) {
    const float* from = x + (h * s.stride + r) * row + q * W;
    const float* of = dy + std::ptrdiff_t(h) * width * W;
    int w = 0;
    for (; w + 2 <= width; w += 2, from += 2 * step, of += 2 * W) {
      const auto first = load<W>(of), second = load<W>(of + W);
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) {
        even[i] += load<W>(from + i * W) * first;
        odd[i] += load<W>(from + step + i * W) * second;
      }
    }
    if (w == width) continue;
    const auto last = load<W>(of);
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) even[i] += load<W>(from + i * W) * last;
  }
  for (int i = 0; i < N; ++i) {
    float* const sum = dtaps + (std::ptrdiff_t(r) * s.kernel + q + i) * s.channels;
    store<W>(sum, load<W>(sum) + (even[i] + odd[i]));
  }
}

template <class T>
void backward_weights(const DepthwiseShape& s, const T* x, const T* dy, float* dtaps, float* workspace) {
  const int border = s.kernel / 2;
  float* const gradient = workspace + depthwise_workspace(s) / 2;
  over_channels(s.channels, [&]<int W>(int c) {
    widen<W>(s.height, s.width, s.channels, c, border, x, workspace);
    widen<W>(s.out_height(), s.out_width(), s.channels, c, 0, dy, gradient);
    for (int r = 0; r < s.kernel; ++r) {
      float* const sums = dtaps + c;
      switch (s.kernel) {
        case 3:
          tap_gradients<W, 3>(s, workspace, gradient, r, 0, sums);
          break;
        case 5:
          tap_gradients<W, 5>(s, workspace, gradient, r, 0, sums);
          break;
        case 7:
          tap_gradients<W, 7>(s, workspace, gradient, r, 0, sums);
          break;
        default:
          for (int q = 0; q < s.kernel; ++q) tap_gradients<W, 1>(s, workspace, gradient, r, q, sums);
      }
    }
  });
}

template <class T>
const DepthwiseKernels<T>& depthwise_kernels() {
  static constexpr DepthwiseKernels<T> kKernels{forward<T>, backward_data<T>, backward_weights<T>};
  return kKernels;
}
template const DepthwiseKernels<bf16>& depthwise_kernels();
template const DepthwiseKernels<float>& depthwise_kernels();

}  // namespace triage::supernet::TRIAGE_BUILD

#undef TRIAGE_BUILD
