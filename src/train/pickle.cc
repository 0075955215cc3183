#include "train/pickle.h"

#include <torch/csrc/jit/serialization/pickle.h>

#include "core/error.h"

namespace triage::train {

std::string pickle(const Tensors& tensors, const Texts& texts) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  for (const auto& [name, text] : texts) dict.insert(name, text);
  for (const auto& [name, tensor] : tensors) dict.insert(name, tensor.detach().cpu().contiguous().clone());
  const std::vector<char> bytes = torch::jit::pickle_save(dict);
  return {bytes.begin(), bytes.end()};
}

Pickled unpickle(std::string_view bytes, const std::string& origin) {
  try {
    const c10::IValue value = torch::jit::pickle_load(std::vector<char>(bytes.begin(), bytes.end()));
    Pickled result;
    for (const auto& item : value.toGenericDict()) {
      const std::string& name = item.key().toStringRef();
      if (item.value().isString())
        result.texts[name] = item.value().toStringRef();
      else
        result.tensors[name] = item.value().toTensor();
    }
    return result;
  } catch (const c10::Error& error) {
    fail("{}: expected a pickled dict of named tensors, found something else ({})", origin,
         error.what_without_backtrace());
  }
}

supernet::NamedTensors in_order_of(const supernet::NamedTensors& order, const Tensors& tensors,
                                   const std::string& prefix) {
  supernet::NamedTensors result;
  for (const auto& [name, ignored] : order) {
    if (const auto found = tensors.find(prefix + name); found != tensors.end()) result.push_back({name, found->second});
  }
  return result;
}

}  // namespace triage::train
