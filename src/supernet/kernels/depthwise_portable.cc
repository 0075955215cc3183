#include "supernet/kernels/depthwise_kernels-inl.h"
