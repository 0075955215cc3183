// TensorData: what a constant holds, as bytes in row-major order, little-endian, shared between copies of a graph.
// Tensor: numbers to compute with, each as a double, which holds every float and every integer below 2^53 exactly.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace onnx {
class TensorProto;
}

namespace triage::model {

// The numbers are ONNX's (TensorProto.DataType), which a test holds.
enum class Type : int {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16,
  uint4 = 21,
  int4 = 22,
};
std::string to_string(Type type);            // "float32"; "type 17" for one without a name here
int bits_of(Type type);                      // of an element; 0 where it has no fixed size
bool integral(Type type);                    // 8 to 64 bits, boolean apart
double rounded_to(Type type, double value);  // nearest value of the type; integers saturate, fractions are cut off

using Dims = std::vector<std::int64_t>;
std::int64_t elements(std::span<const std::int64_t> dims);

struct TensorData {
  Type type = Type::undefined;
  Dims dims;
  std::shared_ptr<const std::string> bytes;

  std::int64_t size() const { return elements(dims); }
  std::vector<double> numbers() const;         // throws Error for types without numbers (string, 4 bits)
  std::vector<std::int64_t> integers() const;  // the same, of integers
  std::vector<float> floats() const;
};

struct Tensor {
  Type type = Type::float32;
  Dims dims;
  std::vector<double> values;

  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
};

Tensor to_tensor(const TensorData& data);
TensorData to_data(const Tensor& tensor);
TensorData float_data(Dims dims, std::span<const float> values);
TensorData integer_data(Dims dims, std::span<const std::int64_t> values);  // int64
TensorData int8_data(Dims dims, std::span<const std::int8_t> values);
TensorData uint8_data(Dims dims, std::span<const std::uint8_t> values);
TensorData int32_data(Dims dims, std::span<const std::int32_t> values);

}  // namespace triage::model
