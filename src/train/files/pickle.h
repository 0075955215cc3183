// Named tensors and texts as one pickled dict, which Python's torch.load reads, by default settings too (weights_only).
#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <string_view>

#include "supernet/named_tensors.h"

namespace triage::train {

using Tensors = std::map<std::string, at::Tensor>;
using Texts = std::map<std::string, std::string>;

struct Pickled {
  Tensors tensors;
  Texts texts;
};

std::string pickle(const Tensors& tensors, const Texts& texts = {});  // tensors of any dtype and device; copied
Pickled unpickle(std::string_view bytes, const std::string& origin);  // throws Error that names `origin`

// The tensors in the order in which a network or an optimiser wants them; those that are missing are left out.
supernet::NamedTensors in_order_of(const supernet::NamedTensors& order, const Tensors& tensors,
                                   const std::string& prefix = "");

}  // namespace triage::train
