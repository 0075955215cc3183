#include "supernet/named_tensors.h"

#include <sstream>

#include "core/error.h"

namespace triage::supernet {
namespace {

std::string shape_text(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

void copy_state(const NamedTensors& target, const NamedTensors& source, const std::string& origin) {
  if (source.size() != target.size()) {
    fail("{}: expected {} tensors, found {}", origin, target.size(), source.size());
  }
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (source[i].name != target[i].name) {
      fail("{}: tensor {}: expected '{}', found '{}'", origin, i, target[i].name, source[i].name);
    }
    if (source[i].tensor.sizes() != target[i].tensor.sizes()) {
      fail("{}: tensor '{}': expected shape {}, found {}", origin, source[i].name, shape_text(target[i].tensor),
           shape_text(source[i].tensor));
    }
  }
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < target.size(); ++i) at::Tensor(target[i].tensor).copy_(source[i].tensor);
}

NamedTensors clone_state(const NamedTensors& tensors) {
  const at::NoGradGuard no_grad;
  NamedTensors copies;
  for (const NamedTensor& t : tensors) {
    copies.push_back({t.name, t.tensor.detach().to(at::kCPU, t.tensor.scalar_type(), false, true).contiguous()});
  }
  return copies;
}

}  // namespace triage::supernet
