#include <algorithm>
#include <cstring>

#include "supernet/kernels/norm_act_kernels.h"

namespace triage::supernet::portable {
#include "supernet/kernels/norm_act_kernels.inc"
}
