#include "model/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/onnx/tensor.h"

namespace triage::model {
namespace {

using ::testing::ElementsAre;

// IEEE 754: binary16 has 10 bits behind the first and 65504 as its largest number.
TEST(ModelTensor, HalvesAreRoundedToEven) {
  EXPECT_EQ(rounded_to(Type::float16, 1 + std::ldexp(1, -11)), 1);
  EXPECT_EQ(rounded_to(Type::float16, 1 + 3 * std::ldexp(1, -11)), 1 + std::ldexp(1, -9));
  EXPECT_EQ(rounded_to(Type::float16, 65504), 65504);
  EXPECT_TRUE(std::isinf(rounded_to(Type::float16, 65520)));
  EXPECT_EQ(rounded_to(Type::float16, std::ldexp(1, -24)), std::ldexp(1, -24));  // the smallest one
}

TEST(ModelTensor, IntegersSaturateAndLoseTheirFraction) {
  EXPECT_EQ(rounded_to(Type::uint8, 300), 255);
  EXPECT_EQ(rounded_to(Type::uint8, -1), 0);
  EXPECT_EQ(rounded_to(Type::int8, -3.9), -3);
}

TEST(ModelTensor, NumbersComeBackFromBytes) {
  for (const Type type : {Type::float32, Type::float64, Type::float16, Type::bfloat16, Type::int8, Type::int16,
                          Type::int32, Type::int64}) {
    const Tensor tensor{type, {5}, {0, 1, -2, 64, -100}};
    EXPECT_EQ(to_tensor(to_data(tensor)).values, tensor.values) << to_string(type);
  }
  for (const Type type : {Type::uint8, Type::uint16, Type::uint32, Type::uint64}) {
    const Tensor tensor{type, {3}, {0, 1, 200}};
    EXPECT_EQ(to_tensor(to_data(tensor)).values, tensor.values) << to_string(type);
  }
}

// 0x3c00 is 1, 0x0001 is 2^-24, 0xfbff is -65504.
TEST(ModelTensor, ReadsTheBitsOfHalves) {
  onnx::TensorProto proto;
  proto.set_data_type(onnx::TensorProto::FLOAT16);
  proto.add_dims(3);
  for (const int bits : {0x3c00, 0x0001, 0xfbff}) proto.add_int32_data(bits);
  ExternalData none{fs::path()};
  EXPECT_THAT(tensor_from_onnx(proto, "t", none).numbers(), ElementsAre(1, std::ldexp(1, -24), -65504));
}

}  // namespace
}  // namespace triage::model
