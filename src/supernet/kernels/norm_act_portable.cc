#include "supernet/kernels/norm_act_kernels-inl.h"
