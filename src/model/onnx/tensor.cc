#include "model/onnx/tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace triage::model {
namespace {

static_assert(static_cast<int>(Type::float32) == onnx::TensorProto::FLOAT);
static_assert(static_cast<int>(Type::uint8) == onnx::TensorProto::UINT8);
static_assert(static_cast<int>(Type::int8) == onnx::TensorProto::INT8);
static_assert(static_cast<int>(Type::uint16) == onnx::TensorProto::UINT16);
static_assert(static_cast<int>(Type::int16) == onnx::TensorProto::INT16);
static_assert(static_cast<int>(Type::int32) == onnx::TensorProto::INT32);
static_assert(static_cast<int>(Type::int64) == onnx::TensorProto::INT64);
static_assert(static_cast<int>(Type::string) == onnx::TensorProto::STRING);
static_assert(static_cast<int>(Type::boolean) == onnx::TensorProto::BOOL);
static_assert(static_cast<int>(Type::float16) == onnx::TensorProto::FLOAT16);
static_assert(static_cast<int>(Type::float64) == onnx::TensorProto::DOUBLE);
static_assert(static_cast<int>(Type::uint32) == onnx::TensorProto::UINT32);
static_assert(static_cast<int>(Type::uint64) == onnx::TensorProto::UINT64);
static_assert(static_cast<int>(Type::bfloat16) == onnx::TensorProto::BFLOAT16);
static_assert(static_cast<int>(Type::uint4) == onnx::TensorProto::UINT4);
static_assert(static_cast<int>(Type::int4) == onnx::TensorProto::INT4);

template <class T, class Field>
std::string packed(const Field& field) {
  std::string bytes(static_cast<std::size_t>(field.size()) * sizeof(T), '\0');
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

// What is not in raw_data lies in a field by type (onnx.proto, TensorProto).
std::string bytes_of_fields(const onnx::TensorProto& tensor, Type type) {
  switch (type) {
    case Type::float32:
      return packed<float>(tensor.float_data());
    case Type::float64:
      return packed<double>(tensor.double_data());
    case Type::int64:
      return packed<std::int64_t>(tensor.int64_data());
    case Type::uint32:
      return packed<std::uint32_t>(tensor.uint64_data());
    case Type::uint64:
      return packed<std::uint64_t>(tensor.uint64_data());
    case Type::int32:
      return packed<std::int32_t>(tensor.int32_data());
    case Type::int16:
    case Type::uint16:
    case Type::float16:
    case Type::bfloat16:
      return packed<std::uint16_t>(tensor.int32_data());
    default:
      return packed<std::uint8_t>(tensor.int32_data());
  }
}

std::uint64_t external_number(const std::string& text, const std::string& key, const std::string& where) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    fail("{}: external data: {}: found '{}', expected a number", where, key, text);
  return value;
}

}  // namespace

std::string ExternalData::bytes(const onnx::TensorProto& tensor, const std::string& where) {
  if (!directory_) fail("{}: found its data outside the file, expected it inside", where);
  std::string location;
  std::uint64_t offset = 0, length = std::numeric_limits<std::uint64_t>::max();
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = external_number(entry.value(), "offset", where);
    if (entry.key() == "length") length = external_number(entry.value(), "length", where);
  }
  const fs::path path = location;
  const bool leaves = path.empty() || path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
  if (leaves)
    fail("{}: external data: location: found '{}', expected a path below the model's folder", where, location);
  auto& file = files_[location];
  if (!file) file = std::make_unique<MappedFile>(*directory_ / path);
  const auto all = file->bytes();
  if (offset > all.size() || (length != std::numeric_limits<std::uint64_t>::max() && length > all.size() - offset))
    fail("{}: external data: '{}' has {} bytes, expected {} from {} on", where, location, all.size(), length, offset);
  const auto part = all.subspan(offset, std::min<std::uint64_t>(length, all.size() - offset));
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

TensorData tensor_from_onnx(const onnx::TensorProto& tensor, const std::string& where, ExternalData& external) {
  TensorData data{static_cast<Type>(tensor.data_type()), {tensor.dims().begin(), tensor.dims().end()}, nullptr};
  const int bits = bits_of(data.type);
  if (bits == 0) fail("{}: found a constant of {}, expected numbers", where, to_string(data.type));
  std::uint64_t count = 1;
  for (const std::int64_t size : data.dims) {
    if (size < 0 || (size > 0 && count > (std::uint64_t{1} << 40) / static_cast<std::uint64_t>(size)))
      fail("{}: found a dimension of {}, expected a tensor that fits into memory", where, size);
    count *= static_cast<std::uint64_t>(size);
  }
  std::string bytes = tensor.data_location() == onnx::TensorProto::EXTERNAL ? external.bytes(tensor, where)
                      : tensor.has_raw_data()                               ? tensor.raw_data()
                                                                            : bytes_of_fields(tensor, data.type);
  const std::uint64_t expected = (count * static_cast<std::uint64_t>(bits) + 7) / 8;
  if (bytes.size() != expected) fail("{}: found {} bytes of data, expected {}", where, bytes.size(), expected);
  data.bytes = std::make_shared<const std::string>(std::move(bytes));
  return data;
}

void tensor_to_onnx(const TensorData& data, const std::string& name, onnx::TensorProto& to) {
  to.set_name(name);
  to.set_data_type(static_cast<int>(data.type));
  for (const std::int64_t size : data.dims) to.add_dims(size);
  to.set_raw_data(*data.bytes);
}

}  // namespace triage::model
