// Constants of ONNX files, in both directions.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/files/file.h"
#include "model/tensor.h"

namespace triage::model {

// External data of one file: bytes beside it, in files that are mapped once.
class ExternalData {
 public:
  // none: data outside the file is refused
  explicit ExternalData(std::optional<fs::path> directory) : directory_(std::move(directory)) {}
  // The bytes of a tensor whose data lies outside. Its location is a relative path that stays inside the directory: an
  // absolute one and one with ".." are refused. Throws Error naming `where`.
  std::string bytes(const onnx::TensorProto& tensor, const std::string& where);

 private:
  std::optional<fs::path> directory_;
  std::map<std::string, std::unique_ptr<MappedFile>> files_;
};

// Throws Error naming `where` for a type without a fixed size, and where the number of bytes is not what dims say.
TensorData tensor_from_onnx(const onnx::TensorProto& tensor, const std::string& where, ExternalData& external);
void tensor_to_onnx(const TensorData& data, const std::string& name, onnx::TensorProto& to);

}  // namespace triage::model
