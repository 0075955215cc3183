#include "supernet/ops/resize.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

namespace triage::supernet {

at::Tensor resized(const at::Tensor& images, std::int64_t height, std::int64_t width, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  return at::_upsample_bilinear2d_aa(images.to(type), {height, width}, /*align_corners=*/false);
}

}  // namespace triage::supernet
