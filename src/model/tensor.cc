#include "model/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace triage::model {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX stores raw tensor bytes little-endian");

float from_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double size = exponent == 0    ? std::ldexp(fraction, -24)
                      : exponent == 31 ? (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""))
                                       : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>((half & 0x8000) != 0 ? -size : size);
}

// Nearest number with `fraction` bits behind the first, least exponent `lowest`; ties to even.
double to_precision(double value, int fraction, int lowest, double largest) {
  if (!std::isfinite(value) || value == 0) return value;
  const int exponent = std::max(std::ilogb(value), lowest);
  const double step = std::ldexp(1.0, exponent - fraction);
  const double near = std::nearbyint(value / step) * step;
  return std::abs(near) > largest ? std::copysign(std::numeric_limits<double>::infinity(), value) : near;
}

std::uint16_t half_bits(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::abs(to_precision(value, 10, -14, 65504));
  if (std::isnan(value)) return 0x7e00;
  if (std::isinf(size)) return sign | 0x7c00;
  if (size < std::ldexp(1.0, -14)) return sign | static_cast<std::uint16_t>(std::ldexp(size, 24));
  const int exponent = std::ilogb(size);
  return sign | static_cast<std::uint16_t>(((exponent + 15) << 10) + (std::ldexp(size, 10 - exponent) - 1024));
}

template <class T>
double cut_to(double value) {
  if (std::isnan(value)) return 0;
  const double low = static_cast<double>(std::numeric_limits<T>::lowest());
  const double high = static_cast<double>(std::numeric_limits<T>::max());
  return std::clamp(std::trunc(value), low, high);
}

template <class T>
T as(double value) {  // of a value that rounded_to() gave; 2^63 and 2^64 are no integers of their types
  if constexpr (std::is_integral_v<T>) {
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  }
  return static_cast<T>(value);
}

template <class T>
void read_numbers(const std::string& bytes, std::vector<double>& to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    to[i] = static_cast<double>(value);
  }
}

template <class T>
std::string written(std::span<const double> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = as<T>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

template <class T>
TensorData data_of(Type type, Dims dims, std::span<const T> values) {
  if (elements(dims) != static_cast<std::int64_t>(values.size()))
    fail("model: a constant: found {} values, expected {}", values.size(), elements(dims));
  std::string bytes(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return {type, std::move(dims), std::make_shared<const std::string>(std::move(bytes))};
}

}  // namespace

std::string to_string(Type type) {
  switch (type) {
    case Type::undefined:
      return "undefined";
    case Type::float32:
      return "float32";
    case Type::uint8:
      return "uint8";
    case Type::int8:
      return "int8";
    case Type::uint16:
      return "uint16";
    case Type::int16:
      return "int16";
    case Type::int32:
      return "int32";
    case Type::int64:
      return "int64";
    case Type::string:
      return "string";
    case Type::boolean:
      return "bool";
    case Type::float16:
      return "float16";
    case Type::float64:
      return "float64";
    case Type::uint32:
      return "uint32";
    case Type::uint64:
      return "uint64";
    case Type::bfloat16:
      return "bfloat16";
    case Type::uint4:
      return "uint4";
    case Type::int4:
      return "int4";
  }
  return std::format("type {}", static_cast<int>(type));
}

int bits_of(Type type) {
  switch (type) {
    case Type::uint4:
    case Type::int4:
      return 4;
    case Type::uint8:
    case Type::int8:
    case Type::boolean:
      return 8;
    case Type::uint16:
    case Type::int16:
    case Type::float16:
    case Type::bfloat16:
      return 16;
    case Type::float32:
    case Type::int32:
    case Type::uint32:
      return 32;
    case Type::float64:
    case Type::int64:
    case Type::uint64:
      return 64;
    default:
      return 0;
  }
}

bool integral(Type type) {
  switch (type) {
    case Type::uint8:
    case Type::int8:
    case Type::uint16:
    case Type::int16:
    case Type::int32:
    case Type::int64:
    case Type::uint32:
    case Type::uint64:
      return true;
    default:
      return false;
  }
}

double rounded_to(Type type, double value) {
  switch (type) {
    case Type::float32:
      return static_cast<double>(static_cast<float>(value));
    case Type::float16:
      return to_precision(value, 10, -14, 65504);
    case Type::bfloat16:
      return to_precision(static_cast<float>(value), 7, -126, 3.3895313892515355e38);
    case Type::uint8:
      return cut_to<std::uint8_t>(value);
    case Type::int8:
      return cut_to<std::int8_t>(value);
    case Type::uint16:
      return cut_to<std::uint16_t>(value);
    case Type::int16:
      return cut_to<std::int16_t>(value);
    case Type::int32:
      return cut_to<std::int32_t>(value);
    case Type::int64:
      return cut_to<std::int64_t>(value);
    case Type::uint32:
      return cut_to<std::uint32_t>(value);
    case Type::uint64:
      return cut_to<std::uint64_t>(value);
    case Type::boolean:
      return value != 0;
    default:
      return value;
  }
}

std::int64_t elements(std::span<const std::int64_t> dims) {
  std::int64_t count = 1;
  for (const std::int64_t size : dims) count *= size;
  return count;
}

std::vector<double> TensorData::numbers() const {
  std::vector<double> to(static_cast<std::size_t>(size()));
  switch (type) {
    case Type::float32:
      read_numbers<float>(*bytes, to);
      return to;
    case Type::float64:
      read_numbers<double>(*bytes, to);
      return to;
    case Type::uint8:
    case Type::boolean:
      read_numbers<std::uint8_t>(*bytes, to);
      return to;
    case Type::int8:
      read_numbers<std::int8_t>(*bytes, to);
      return to;
    case Type::uint16:
      read_numbers<std::uint16_t>(*bytes, to);
      return to;
    case Type::int16:
      read_numbers<std::int16_t>(*bytes, to);
      return to;
    case Type::int32:
      read_numbers<std::int32_t>(*bytes, to);
      return to;
    case Type::int64:
      read_numbers<std::int64_t>(*bytes, to);
      return to;
    case Type::uint32:
      read_numbers<std::uint32_t>(*bytes, to);
      return to;
    case Type::uint64:
      read_numbers<std::uint64_t>(*bytes, to);
      return to;
    case Type::float16:
    case Type::bfloat16:
      for (std::size_t i = 0; i < to.size(); ++i) {
        std::uint16_t bits;
        std::memcpy(&bits, bytes->data() + 2 * i, sizeof(bits));
        to[i] = type == Type::float16 ? from_half(bits) : std::bit_cast<float>(std::uint32_t{bits} << 16);
      }
      return to;
    default:
      fail("model: a constant of {}: expected numbers of 8 bits or more", to_string(type));
  }
}

std::vector<std::int64_t> TensorData::integers() const {
  if (type == Type::int64) {
    std::vector<std::int64_t> to(static_cast<std::size_t>(size()));
    std::memcpy(to.data(), bytes->data(), bytes->size());
    return to;
  }
  if (!integral(type) && type != Type::boolean) fail("model: a constant of {}: expected integers", to_string(type));
  std::vector<std::int64_t> to;
  for (const double value : numbers()) to.push_back(as<std::int64_t>(value));
  return to;
}

std::vector<float> TensorData::floats() const {
  const std::vector<double> values = numbers();
  return {values.begin(), values.end()};
}

Tensor to_tensor(const TensorData& data) { return {data.type, data.dims, data.numbers()}; }

TensorData to_data(const Tensor& tensor) {
  std::vector<double> values;
  for (const double value : tensor.values) values.push_back(rounded_to(tensor.type, value));
  const auto shared = [&](std::string bytes) {
    return TensorData{tensor.type, tensor.dims, std::make_shared<const std::string>(std::move(bytes))};
  };
  switch (tensor.type) {
    case Type::float32:
      return shared(written<float>(values));
    case Type::float64:
      return shared(written<double>(values));
    case Type::uint8:
    case Type::boolean:
      return shared(written<std::uint8_t>(values));
    case Type::int8:
      return shared(written<std::int8_t>(values));
    case Type::uint16:
      return shared(written<std::uint16_t>(values));
    case Type::int16:
      return shared(written<std::int16_t>(values));
    case Type::int32:
      return shared(written<std::int32_t>(values));
    case Type::int64:
      return shared(written<std::int64_t>(values));
    case Type::uint32:
      return shared(written<std::uint32_t>(values));
    case Type::uint64:
      return shared(written<std::uint64_t>(values));
    case Type::float16:
    case Type::bfloat16:
      for (double& value : values) {
        value = tensor.type == Type::float16 ? half_bits(value)
                                             : std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16;
      }
      return shared(written<std::uint16_t>(values));
    default:
      fail("model: a tensor of {}: expected numbers of 8 bits or more", to_string(tensor.type));
  }
}

TensorData float_data(Dims dims, std::span<const float> values) {
  return data_of(Type::float32, std::move(dims), values);
}
TensorData integer_data(Dims dims, std::span<const std::int64_t> values) {
  return data_of(Type::int64, std::move(dims), values);
}
TensorData int8_data(Dims dims, std::span<const std::int8_t> values) {
  return data_of(Type::int8, std::move(dims), values);
}
TensorData uint8_data(Dims dims, std::span<const std::uint8_t> values) {
  return data_of(Type::uint8, std::move(dims), values);
}
TensorData int32_data(Dims dims, std::span<const std::int32_t> values) {
  return data_of(Type::int32, std::move(dims), values);
}

}  // namespace triage::model
