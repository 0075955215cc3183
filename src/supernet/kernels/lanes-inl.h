// Vectors of 16, 8 or 1 lanes of fp32 over channels, for kernels that are compiled for several targets: GCC vector
// extensions, which the compiler maps to what the target has. Included by *_kernels-inl.h, into the namespace of their
// build; read alone it is the portable one. No include guard.
#include <cstdint>
#include <cstring>

#include "supernet/kernels/conv3x3_bf16.h"

#ifndef TRIAGE_BUILD
#define TRIAGE_BUILD portable
#endif

namespace triage::supernet::TRIAGE_BUILD {

template <int W>
struct Lanes {
  typedef float F __attribute__((vector_size(4 * W)));
  typedef std::uint32_t U __attribute__((vector_size(4 * W)));
  typedef std::int32_t I __attribute__((vector_size(4 * W)));
  typedef std::uint16_t H __attribute__((vector_size(2 * W)));
  typedef std::uint8_t B __attribute__((vector_size(W)));
};

template <int W>
[[gnu::always_inline]] inline typename Lanes<W>::F load(const float* p) {
  typename Lanes<W>::F value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <int W>
[[gnu::always_inline]] inline typename Lanes<W>::F load(const bf16* p) {
  typename Lanes<W>::H half;
  std::memcpy(&half, p, sizeof half);
  return (typename Lanes<W>::F)(__builtin_convertvector(half, typename Lanes<W>::U) << 16);
}
template <int W>
[[gnu::always_inline]] inline void store(float* p, typename Lanes<W>::F value) {
  std::memcpy(p, &value, sizeof value);
}
template <int W>
[[gnu::always_inline]] inline void store(bf16* p, typename Lanes<W>::F value) {  // to nearest even; a NaN stays one
  typename Lanes<W>::U bits = (typename Lanes<W>::U)value;
  bits += 0x7fffu + ((bits >> 16) & 1u);
  const auto half = __builtin_convertvector(bits >> 16, typename Lanes<W>::H);
  std::memcpy(p, &half, sizeof half);
}
template <int W>
[[gnu::always_inline]] inline typename Lanes<W>::I load_index(const std::uint8_t* p) {
  typename Lanes<W>::B bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, typename Lanes<W>::I);
}
template <int W>
[[gnu::always_inline]] inline void store_index(std::uint8_t* p, typename Lanes<W>::I index) {
  const auto bytes = __builtin_convertvector(index, typename Lanes<W>::B);
  std::memcpy(p, &bytes, sizeof bytes);
}

// Calls body.template operator()<W>(first channel) over the channels from c on.
template <class Body>
[[gnu::always_inline]] inline void over_channels(int c, int channels, const Body& body) {
  for (; c + 16 <= channels; c += 16) body.template operator()<16>(c);
  for (; c + 8 <= channels; c += 8) body.template operator()<8>(c);
  for (; c < channels; ++c) body.template operator()<1>(c);
}
template <class Body>
[[gnu::always_inline]] inline void over_channels(int channels, const Body& body) {
  over_channels(0, channels, body);
}

}  // namespace triage::supernet::TRIAGE_BUILD
