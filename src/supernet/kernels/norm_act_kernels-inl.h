// The one source of all builds of NormKernels: norm_act_{portable,avx2,avx512}.cc include it, each behind the pragma
// that sets its target, with TRIAGE_BUILD for the namespace; read alone it is the portable build. No include guard.
//
// Channels are walked in vectors of 16, then 8, then one by one (lanes-inl.h).
#include <algorithm>
#include <cstring>

#include "supernet/kernels/lanes-inl.h"
#include "supernet/kernels/norm_act_kernels.h"

namespace triage::supernet::TRIAGE_BUILD {

template <int W>
struct LoadedNorm {
  [[gnu::always_inline]] LoadedNorm(const Norm& norm, int c)
      : mean(load<W>(norm.mean + c)), rstd(load<W>(norm.rstd + c)), bias(load<W>(norm.bias + c)), least(norm.least) {}
  [[gnu::always_inline]] typename Lanes<W>::F hat(typename Lanes<W>::F z) const { return (z - mean) * rstd; }
  [[gnu::always_inline]] typename Lanes<W>::F relu(typename Lanes<W>::F z) const { return limited(hat(z) + bias); }
  [[gnu::always_inline]] typename Lanes<W>::F relu(typename Lanes<W>::F z, typename Lanes<W>::F beside) const {
    return limited(hat(z) + bias + beside);
  }
  [[gnu::always_inline]] typename Lanes<W>::F limited(typename Lanes<W>::F y) const {
    return y < least ? typename Lanes<W>::F{} + least : y;  // a NaN stays one
  }
  typename Lanes<W>::F mean, rstd, bias;
  float least;
};

// Pixels in runs that fit the first-level cache; per run the channels outside, so that sums and parameters stay in
// registers.
constexpr std::size_t kRunElements = 4096;
[[gnu::always_inline]] inline std::size_t run_pixels(int channels) {
  return channels >= int(kRunElements) ? 1 : kRunElements / std::size_t(channels);
}

template <int W, class T>
[[gnu::always_inline]] inline void max_of_window(const T* p, std::size_t right, std::size_t down,
                                                 typename Lanes<W>::F& best, typename Lanes<W>::I& index) {
  using I = typename Lanes<W>::I;
  best = load<W>(p);
  index = I{};
  const auto consider = [&](const T* q, int number) __attribute__((always_inline)) {
    const auto value = load<W>(q);
    const auto better = value > best;
    best = better ? value : best;
    index = better ? I{} + number : index;
  };
  consider(p + right, 1);
  consider(p + down, 2);
  consider(p + down + right, 3);
}

// Deviations are taken from the group's first pixel, which keeps the sums of squares free of cancellation.
template <class T>
void statistics(const NormActShape& shape, const T* x, T* z, std::uint8_t* argmax, float* mean, float* m2) {
  const int channels = shape.channels;
  const std::size_t c_step = channels, row = shape.width * c_step;
  for (int c = 0; c < channels; ++c) mean[c] = m2[c] = 0;
  if (shape.pool) {
    const int out_width = shape.out_width();
    T* out = z;
    std::uint8_t* out_index = argmax;
    for (int image = 0; image < shape.batch; ++image) {
      const T* in = x + image * shape.height * row;
      for (int i = 0; i < shape.out_height(); ++i, in += 2 * row) {
        over_channels(channels, [&]<int W>(int c) __attribute__((always_inline)) {
          const auto pivot = load<W>(x + c);
          typename Lanes<W>::F sum{}, squares{};
          for (int j = 0; j < out_width; ++j) {
            typename Lanes<W>::F best;
            typename Lanes<W>::I index;
            max_of_window<W>(in + 2 * j * c_step + c, c_step, row, best, index);
            store<W>(out + j * c_step + c, best);
            store_index<W>(out_index + j * c_step + c, index);
            const auto deviation = best - pivot;
            sum += deviation;
            squares += deviation * deviation;
          }
          store<W>(mean + c, load<W>(mean + c) + sum);
          store<W>(m2 + c, load<W>(m2 + c) + squares);
        });
        out += out_width * c_step;
        out_index += out_width * c_step;
      }
    }
  } else {
    const std::size_t pixels = std::size_t(shape.batch) * shape.height * shape.width, run = run_pixels(channels);
    for (std::size_t first = 0; first < pixels; first += run) {
      const std::size_t last = std::min(pixels, first + run);
      over_channels(channels, [&]<int W>(int c) __attribute__((always_inline)) {
        const auto pivot = load<W>(x + c);
        typename Lanes<W>::F sum{}, squares{};
        for (std::size_t p = first; p < last; ++p) {
          const auto deviation = load<W>(x + p * c_step + c) - pivot;
          sum += deviation;
          squares += deviation * deviation;
        }
        store<W>(mean + c, load<W>(mean + c) + sum);
        store<W>(m2 + c, load<W>(m2 + c) + squares);
      });
    }
  }
  const float count = static_cast<float>(shape.count());
  for (int c = 0; c < channels; ++c) {
    const float shift = mean[c] / count;
    m2[c] = std::max(0.0f, m2[c] - shift * mean[c]);
    mean[c] = load<1>(x + c)[0] + shift;
  }
}

template <class T>
void relu(std::size_t pixels, int channels, const T* z, const Norm& norm, T* y, const Identity<T>& identity) {
  const std::size_t c_step = channels, x_step = identity.channels, run = run_pixels(channels);
  const int passed = identity.x ? std::min(identity.channels, channels) : 0;
  for (std::size_t first = 0; first < pixels; first += run) {
    const std::size_t last = std::min(pixels, first + run);
    over_channels(0, passed, [&]<int W>(int c) __attribute__((always_inline)) {
      const LoadedNorm<W> loaded(norm, c);
      for (std::size_t p = first; p < last; ++p) {
        const std::size_t at = p * c_step + c;
        store<W>(y + at, loaded.relu(load<W>(z + at), load<W>(identity.x + p * x_step + c)));
      }
    });
    over_channels(passed, channels, [&]<int W>(int c) __attribute__((always_inline)) {
      const LoadedNorm<W> loaded(norm, c);
      for (std::size_t at = first * c_step + c; at < last * c_step; at += c_step) {
        store<W>(y + at, loaded.relu(load<W>(z + at)));
      }
    });
  }
}

template <class T>
void inference(const NormActShape& shape, const T* x, const Norm& norm, T* y) {
  const int out_width = shape.out_width();
  const std::size_t c_step = shape.channels, row = shape.width * c_step;
  if (!shape.pool) return relu(std::size_t(shape.batch) * shape.height * shape.width, shape.channels, x, norm, y, {});
  for (int image = 0; image < shape.batch; ++image) {
    const T* in = x + image * shape.height * row;
    for (int i = 0; i < shape.out_height(); ++i, in += 2 * row, y += out_width * c_step) {
      over_channels(shape.channels, [&]<int W>(int c) __attribute__((always_inline)) {
        const LoadedNorm<W> loaded(norm, c);
        for (int j = 0; j < out_width; ++j) {
          typename Lanes<W>::F best;
          typename Lanes<W>::I index;
          max_of_window<W>(in + 2 * j * c_step + c, c_step, row, best, index);
          store<W>(y + j * c_step + c, loaded.relu(best));
        }
      });
    }
  }
}

template <class T>
void backward_sums(std::size_t pixels, int channels, const T* dy, const T* z, const Norm& norm, float* sum_g,
                   float* sum_gz) {
  const std::size_t c_step = channels, run = run_pixels(channels);
  for (int c = 0; c < channels; ++c) sum_g[c] = sum_gz[c] = 0;
  for (std::size_t first = 0; first < pixels; first += run) {
    const std::size_t last = std::min(pixels, first + run);
    over_channels(channels, [&]<int W>(int c) __attribute__((always_inline)) {
      const LoadedNorm<W> loaded(norm, c);
      typename Lanes<W>::F total{}, total_z{};
      for (std::size_t at = first * c_step + c; at < last * c_step; at += c_step) {
        const auto hat = loaded.hat(load<W>(z + at)), gradient = load<W>(dy + at);
        const auto g = hat + loaded.bias > 0 ? gradient : typename Lanes<W>::F{};
        total += g;
        total_z += g * hat;
      }
      store<W>(sum_g + c, load<W>(sum_g + c) + total);
      store<W>(sum_gz + c, load<W>(sum_gz + c) + total_z);
    });
  }
}

template <class T>
void backward_input(const NormActShape& shape, const T* dy, const T* z, const std::uint8_t* argmax, const Norm& norm,
                    const float* mean_g, const float* mean_gz, T* dx) {
  const int channels = shape.channels, out_width = shape.out_width();
  const std::size_t c_step = channels, row = shape.width * c_step;
  // rstd * (g - mean_g - hat * mean_gz) = g * rstd - offset - (z - mean) * slope
  const auto gradient_of_z = [&]<int W>(const LoadedNorm<W>& loaded, typename Lanes<W>::F offset,
                                        typename Lanes<W>::F slope, std::size_t at) __attribute__((always_inline)) {
    const auto centred = load<W>(z + at) - loaded.mean, gradient = load<W>(dy + at);
    const auto g = centred * loaded.rstd + loaded.bias > 0 ? gradient : typename Lanes<W>::F{};
    return g * loaded.rstd - offset - centred * slope;
  };
  if (!shape.pool) {
    const std::size_t pixels = std::size_t(shape.batch) * shape.height * shape.width, run = run_pixels(channels);
    for (std::size_t first = 0; first < pixels; first += run) {
      const std::size_t last = std::min(pixels, first + run);
      over_channels(channels, [&]<int W>(int c) __attribute__((always_inline)) {
        const LoadedNorm<W> loaded(norm, c);
        const auto offset = load<W>(mean_g + c) * loaded.rstd;
        const auto slope = load<W>(mean_gz + c) * loaded.rstd * loaded.rstd;
        for (std::size_t at = first * c_step + c; at < last * c_step; at += c_step) {
          store<W>(dx + at, gradient_of_z.template operator()<W>(loaded, offset, slope, at));
        }
      });
    }
    return;
  }
  std::size_t base = 0;
  for (int image = 0; image < shape.batch; ++image) {
    T* out = dx + image * shape.height * row;
    for (int i = 0; i < shape.out_height(); ++i, out += 2 * row, base += out_width * c_step) {
      over_channels(channels, [&]<int W>(int c) __attribute__((always_inline)) {
        const LoadedNorm<W> loaded(norm, c);
        const auto offset = load<W>(mean_g + c) * loaded.rstd;
        const auto slope = load<W>(mean_gz + c) * loaded.rstd * loaded.rstd;
        const typename Lanes<W>::F zero{};
        for (int j = 0; j < out_width; ++j) {
          const std::size_t at = base + j * c_step + c;
          const auto gradient = gradient_of_z.template operator()<W>(loaded, offset, slope, at);
          const auto index = load_index<W>(argmax + at);
          T* p = out + 2 * j * c_step + c;
          store<W>(p, index == 0 ? gradient : zero);
          store<W>(p + c_step, index == 1 ? gradient : zero);
          store<W>(p + row, index == 2 ? gradient : zero);
          store<W>(p + row + c_step, index == 3 ? gradient : zero);
        }
      });
      if (shape.width % 2) {
        std::memset(out + 2 * out_width * c_step, 0, c_step * sizeof(T));
        std::memset(out + row + 2 * out_width * c_step, 0, c_step * sizeof(T));
      }
    }
    if (shape.height % 2) std::memset(out, 0, row * sizeof(T));
  }
}

template <class T>
void relu_backward(std::size_t elements, const T* dy, const T* y, T* g) {
  over_channels(static_cast<int>(elements), [&]<int W>(int at) __attribute__((always_inline)) {  // all pixels' as one
    store<W>(g + at, load<W>(y + at) > 0 ? load<W>(dy + at) : typename Lanes<W>::F{});
  });
}

template <class T>
void add_identity_gradient(std::size_t pixels, int channels, const T* g, int inputs, T* dx) {
  for (std::size_t p = 0; p < pixels; ++p, g += channels, dx += inputs) {
    over_channels(std::min(channels, inputs), [&]<int W>(int c) __attribute__((always_inline)) {
      store<W>(dx + c, load<W>(dx + c) + load<W>(g + c));
    });
  }
}

template <class T>
const NormKernels<T>& norm_kernels() {
  static constexpr NormKernels<T> kKernels{statistics<T>,           relu<T>,           inference<T>,
                                           backward_sums<T>,        backward_input<T>, relu_backward<T>,
                                           add_identity_gradient<T>};
  return kKernels;
}
template const NormKernels<bf16>& norm_kernels();
template const NormKernels<float>& norm_kernels();

}  // namespace triage::supernet::TRIAGE_BUILD

#undef TRIAGE_BUILD
