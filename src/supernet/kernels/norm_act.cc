#include "supernet/kernels/norm_act.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/system/cpu.h"
#include "supernet/kernels/norm_act_kernels.h"

namespace triage::supernet {
namespace {

template <class T>
const NormKernels<T>& kernels() {
#if defined(__x86_64__)
  const CpuFeatures cpu = cpu_features();
  if (cpu.has(kAvx512Build)) return avx512::norm_kernels<T>();
  if (cpu.has(kAvx2Build)) return avx2::norm_kernels<T>();
#endif
  return portable::norm_kernels<T>();
}

// Calls body(group's shape, first element of x, first element of z, group) for all groups, in parallel.
template <class Body>
void over_groups(const NormActShape& shape, const Body& body) {
  const int groups = shape.groups();
  const std::size_t in = shape.in_elements() / std::max(1, shape.batch);
  const std::size_t out = shape.out_elements() / std::max(1, shape.batch);
#pragma omp parallel for schedule(static) if (groups > 1)
  for (int group = 0; group < groups; ++group) {
    const int first = group * kGroupImages;
    NormActShape part = shape;
    part.batch = std::min(kGroupImages, shape.batch - first);
    body(part, first * in, first * out, group);
  }
}

std::size_t out_pixels(const NormActShape& shape) {
  return std::size_t(shape.batch) * shape.out_height() * shape.out_width();
}

float widen(float value) { return value; }
float widen(bf16 value) { return std::bit_cast<float>(std::uint32_t(value) << 16); }
template <class T>
T narrow(float value);
template <>
float narrow(float value) {
  return value;
}
template <>
bf16 narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

template <class T>
void norm_statistics(const NormActShape& shape, const T* x, T* z, std::uint8_t* argmax, float* partial) {
  over_groups(shape, [&](const NormActShape& part, std::size_t in, std::size_t out, int group) {
    float* mean = partial + std::size_t(2) * group * shape.channels;
    kernels<T>().statistics(part, x + in, shape.pool ? z + out : nullptr, shape.pool ? argmax + out : nullptr, mean,
                            mean + shape.channels);
  });
}

// Pairwise combination of means and sums of squares (Chan, Golub, LeVeque 1983), group after group.
void combine_statistics(const NormActShape& shape, const float* partial, float* mean, float* variance) {
  const int channels = shape.channels, groups = shape.groups();
  const double per_image = double(shape.out_height()) * shape.out_width();
  std::vector<double> centre(channels, 0.0), m2(channels, 0.0);
  double seen = 0;
  for (int group = 0; group < groups; ++group) {
    const double count = per_image * std::min(kGroupImages, shape.batch - group * kGroupImages);
    const double total = seen + count, share = count / total;
    const float* group_mean = partial + std::size_t(2) * group * channels;
    const float* group_m2 = group_mean + channels;
    for (int c = 0; c < channels; ++c) {
      const double delta = group_mean[c] - centre[c];
      centre[c] += delta * share;
      m2[c] += group_m2[c] + delta * delta * seen * share;
    }
    seen = total;
  }
  for (int c = 0; c < channels; ++c) {
    mean[c] = static_cast<float>(centre[c]);
    variance[c] = static_cast<float>(m2[c] / seen);
  }
}

template <class T>
void norm_relu(const NormActShape& shape, const T* z, const Norm& norm, T* y, const Identity<T>& identity) {
  over_groups(shape, [&](const NormActShape& part, std::size_t, std::size_t out, int) {
    Identity<T> beside = identity;
    if (beside.x) beside.x += out / part.channels * beside.channels;
    kernels<T>().relu(out_pixels(part), part.channels, z + out, norm, y + out, beside);
  });
}

template <class T>
void norm_act_inference(const NormActShape& shape, const T* x, const Norm& norm, T* y) {
  over_groups(shape, [&](const NormActShape& part, std::size_t in, std::size_t out, int) {
    kernels<T>().inference(part, x + in, norm, y + out);
  });
}

template <class T>
void norm_backward_sums(const NormActShape& shape, const T* dy, const T* z, const Norm& norm, float* partial) {
  over_groups(shape, [&](const NormActShape& part, std::size_t, std::size_t out, int group) {
    float* sum_g = partial + std::size_t(2) * group * shape.channels;
    kernels<T>().backward_sums(out_pixels(part), part.channels, dy + out, z + out, norm, sum_g, sum_g + shape.channels);
  });
}

void combine_sums(const NormActShape& shape, const float* partial, float* sum_g, float* sum_gz) {
  const int channels = shape.channels;
  std::vector<double> totals(std::size_t(2) * channels, 0.0);
  for (int group = 0; group < shape.groups(); ++group, partial += 2 * channels) {
    for (int i = 0; i < 2 * channels; ++i) totals[i] += partial[i];
  }
  for (int c = 0; c < channels; ++c) {
    sum_g[c] = static_cast<float>(totals[c]);
    sum_gz[c] = static_cast<float>(totals[channels + c]);
  }
}

template <class T>
void norm_backward_input(const NormActShape& shape, const T* dy, const T* z, const std::uint8_t* argmax,
                         const Norm& norm, const float* mean_g, const float* mean_gz, T* dx) {
  over_groups(shape, [&](const NormActShape& part, std::size_t in, std::size_t out, int) {
    kernels<T>().backward_input(part, dy + out, z + out, shape.pool ? argmax + out : nullptr, norm, mean_g, mean_gz,
                                dx + in);
  });
}

template <class T>
void relu_backward(const NormActShape& shape, const T* dy, const T* y, T* g) {
  over_groups(shape, [&](const NormActShape& part, std::size_t, std::size_t out, int) {
    kernels<T>().relu_backward(part.out_elements(), dy + out, y + out, g + out);
  });
}

template <class T>
void add_identity_gradient(const NormActShape& shape, const T* g, int inputs, T* dx) {
  over_groups(shape, [&](const NormActShape& part, std::size_t, std::size_t out, int) {
    kernels<T>().add_identity_gradient(out_pixels(part), part.channels, g + out, inputs,
                                       dx + out / part.channels * inputs);
  });
}

template <class T>
void global_max(int batch, int pixels, int channels, const T* x, float* y, std::int32_t* argmax) {
#pragma omp parallel for schedule(static)
  for (int image = 0; image < batch; ++image) {
    const T* in = x + std::size_t(image) * pixels * channels;
    float* best = y + std::size_t(image) * channels;
    std::int32_t* index = argmax + std::size_t(image) * channels;
    for (int c = 0; c < channels; ++c) {
      best[c] = widen(in[c]);
      index[c] = 0;
    }
    for (int p = 1; p < pixels; ++p) {
      in += channels;
      for (int c = 0; c < channels; ++c) {
        const float value = widen(in[c]);
        index[c] = value > best[c] ? p : index[c];
        best[c] = value > best[c] ? value : best[c];
      }
    }
  }
}

template <class T>
void global_max_backward(int batch, int pixels, int channels, const float* dy, const std::int32_t* argmax, T* dx) {
#pragma omp parallel for schedule(static)
  for (int image = 0; image < batch; ++image) {
    T* out = dx + std::size_t(image) * pixels * channels;
    const float* gradient = dy + std::size_t(image) * channels;
    const std::int32_t* index = argmax + std::size_t(image) * channels;
    for (int p = 0; p < pixels; ++p, out += channels) {
      for (int c = 0; c < channels; ++c) out[c] = index[c] == p ? narrow<T>(gradient[c]) : T(0);
    }
  }
}

#define TRIAGE_INSTANTIATE(T)                                                                                  \
  template void norm_statistics(const NormActShape&, const T*, T*, std::uint8_t*, float*);                     \
  template void norm_relu(const NormActShape&, const T*, const Norm&, T*, const Identity<T>&);                 \
  template void norm_act_inference(const NormActShape&, const T*, const Norm&, T*);                            \
  template void norm_backward_sums(const NormActShape&, const T*, const T*, const Norm&, float*);              \
  template void norm_backward_input(const NormActShape&, const T*, const T*, const std::uint8_t*, const Norm&, \
                                    const float*, const float*, T*);                                           \
  template void relu_backward(const NormActShape&, const T*, const T*, T*);                                    \
  template void add_identity_gradient(const NormActShape&, const T*, int, T*);                                 \
  template void global_max(int, int, int, const T*, float*, std::int32_t*);                                    \
  template void global_max_backward(int, int, int, const float*, const std::int32_t*, T*)
TRIAGE_INSTANTIATE(bf16);
TRIAGE_INSTANTIATE(float);
#undef TRIAGE_INSTANTIATE

}  // namespace triage::supernet
