#if defined(__x86_64__)

#include <algorithm>  // what the base target's code shares is compiled for the base target
#include <cstring>

#include "supernet/kernels/depthwise_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define TRIAGE_BUILD avx2
#include "supernet/kernels/depthwise_kernels-inl.h"
#pragma GCC pop_options

#endif
