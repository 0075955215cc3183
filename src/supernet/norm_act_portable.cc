#include <algorithm>
#include <cstring>

#include "supernet/norm_act_kernels.h"

namespace triage::supernet::portable {
#include "supernet/norm_act_kernels.inc"
}
