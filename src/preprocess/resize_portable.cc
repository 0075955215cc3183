#include "preprocess/resize_kernels-inl.h"
