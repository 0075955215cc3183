// Kernels in plain loops, a library for tests of the engine that loads such. All are over one dimension and follow the
// rule of real ones: they compute the elements of the last argument, wherever that begins and ends.
#include <unistd.h>

#include <csignal>

#include "engine/compiled/kernel_abi.h"

namespace {

using triage::engine::KernelBuffer;

float& element(void* argument, int x) {
  const KernelBuffer& buffer = *static_cast<KernelBuffer*>(argument);
  return reinterpret_cast<float*>(buffer.host)[(x - buffer.dim[0].min) * buffer.dim[0].stride];
}

template <class Value>
int compute(void* argument, const Value& value) {
  const KernelBuffer& buffer = *static_cast<KernelBuffer*>(argument);
  if (buffer.type_code != 2 || buffer.type_bits != 32 || buffer.dimensions != 1 || !buffer.host) return -1;
  const int begin = buffer.dim[0].min, end = begin + buffer.dim[0].extent;
  for (int x = begin; x < end; ++x) element(argument, x) = value(x);
  return 0;
}

}  // namespace

extern "C" {

int scale(void** a) {  // input, factor [1], output
  return compute(a[2], [&](int x) { return element(a[0], x) * element(a[1], 0); });
}

int add(void** a) {  // input, input, output
  return compute(a[2], [&](int x) { return element(a[0], x) + element(a[1], x); });
}

int box(void** a) {  // input from one element before the output's to one behind, output
  return compute(a[1], [&](int x) { return element(a[0], x - 1) + element(a[0], x) + element(a[0], x + 1); });
}

int extent(void** a) {  // output: how many elements this call computes
  return compute(a[0], [&](int) { return static_cast<float>(static_cast<KernelBuffer*>(a[0])->dim[0].extent); });
}

int fail_on_negative(void** a) {  // input, output
  const int failed = compute(a[1], [&](int x) { return element(a[0], x); });
  return failed != 0 ? failed : element(a[0], 0) < 0 ? 7 : 0;
}

int illegal(void**) { return ::raise(SIGILL); }

int endless(void**) {
  for (;;) ::pause();
}

}  // extern "C"
