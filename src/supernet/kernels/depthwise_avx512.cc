#if defined(__x86_64__)

#include <algorithm>  // what the base target's code shares is compiled for the base target
#include <cstring>

#include "supernet/kernels/depthwise_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")
#define TRIAGE_BUILD avx512
#include "supernet/kernels/depthwise_kernels-inl.h"
#pragma GCC pop_options

#endif
