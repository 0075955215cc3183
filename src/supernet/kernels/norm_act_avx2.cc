#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "supernet/kernels/norm_act_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx2,fma")

namespace triage::supernet::avx2 {
#include "supernet/kernels/norm_act_kernels.inc"
}

#pragma GCC pop_options

#endif
