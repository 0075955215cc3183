#include "train/files/pickle.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "core/error.h"

namespace triage::train {

std::string pickle(const Tensors& tensors, const Texts& texts) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  for (const auto& [name, text] : texts) dict.insert(name, text);
  for (const auto& [name, tensor] : tensors) dict.insert(name, tensor.detach().cpu().contiguous().clone());
  // As torch::jit::pickle_save, but without the type tags of containers: torch.load refuses them by default.
  std::string code, archive;
  torch::jit::Pickler pickler([&](const char* bytes, std::size_t size) { code.append(bytes, size); }, nullptr, nullptr,
                              nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(dict);
  pickler.stop();
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, std::size_t size) {
    archive.append(static_cast<const char*>(bytes), size);
    return size;
  });
  std::size_t number = 0;
  for (const at::Tensor& tensor : pickler.tensorData()) {
    const torch::jit::WriteableTensorData data = torch::jit::getWriteableTensorData(tensor);
    writer.writeRecord("data/" + std::to_string(number++), data.data(), data.sizeInBytes());
  }
  writer.writeRecord("data.pkl", code.data(), code.size());
  writer.writeEndOfFile();
  return archive;
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
