// Arithmetic as ONNX nodes: a Value is the result of a node, and operators on Values add nodes. Values of one
// expression have one type; numbers beside a Value become constants of its type.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "exporting/graph_builder.h"

namespace triage::exporting {

class Formula;

struct Value {
  Formula* of = nullptr;
  std::string name;
  onnx::TensorProto::DataType type = onnx::TensorProto::INT64;

  Value as(onnx::TensorProto::DataType to) const;  // Cast
};

class Formula {
 public:
  // Nodes are named place/OP_NUMBER. The builder's graph must outlive the formula, and the formula its Values.
  Formula(GraphBuilder& builder, std::string place) : builder_(&builder), place_(std::move(place)) {}

  GraphBuilder& builder() { return *builder_; }
  Value value(std::string name, onnx::TensorProto::DataType type) { return {this, std::move(name), type}; }

  Value number(onnx::TensorProto::DataType type, double number);  // a scalar; INT64, INT32, FLOAT or DOUBLE
  Value list(const std::vector<std::int64_t>& values);            // [values.size()] INT64
  Value table(const std::vector<std::int64_t>& shape, const std::vector<float>& values);
  Value table(const std::vector<std::int64_t>& shape, const std::vector<std::int32_t>& values);
  Value table(const std::vector<std::int64_t>& shape, const std::vector<std::uint8_t>& values);

  // Attributes are set on builder() right after. type: the result's; that of the first input.
  Value node(const std::string& op, const std::vector<Value>& inputs, onnx::TensorProto::DataType type);
  Value node(const std::string& op, const std::vector<Value>& inputs) { return node(op, inputs, inputs.at(0).type); }

 private:
  std::string next(const std::string& what) { return place_ + "/" + what + "_" + std::to_string(made_[what]++); }

  GraphBuilder* builder_;
  std::string place_;
  std::map<std::string, int> made_;
  std::map<std::pair<int, double>, std::string> numbers_;
};

Value operator+(const Value& a, const Value& b);
Value operator-(const Value& a, const Value& b);
Value operator*(const Value& a, const Value& b);
Value operator/(const Value& a, const Value& b);  // of whole numbers: cut off
Value operator%(const Value& a, const Value& b);
Value operator+(const Value& a, double b);
Value operator-(const Value& a, double b);
Value operator-(double a, const Value& b);
Value operator*(const Value& a, double b);
Value operator/(const Value& a, double b);
Value operator/(double a, const Value& b);
Value operator%(const Value& a, double b);

Value minimum(const Value& a, const Value& b);
Value maximum(const Value& a, const Value& b);
Value minimum(const Value& a, double b);
Value maximum(const Value& a, double b);
Value floor(const Value& a);
Value ceil(const Value& a);
Value abs(const Value& a);
Value sign(const Value& a);

// Results BOOL.
Value less(const Value& a, const Value& b);
Value less_or_equal(const Value& a, const Value& b);
Value less(const Value& a, double b);
Value less(double a, const Value& b);
Value less_or_equal(const Value& a, double b);
Value equal(const Value& a, const Value& b);
Value both(const Value& a, const Value& b);
Value where(const Value& condition, const Value& a, const Value& b);
Value where(const Value& condition, const Value& a, double b);

Value range(const Value& begin, const Value& end);    // whole scalars -> [end - begin]
Value listed(const std::vector<Value>& scalars);      // -> [scalars.size()]
Value element(const Value& list, std::int64_t at);    // -> a scalar
Value unsqueezed(const Value& a, std::int64_t axis);  // one more dimension, of 1
Value sliced(const Value& a, std::int64_t axis, const Value& begin, const Value& end);  // begin, end: whole scalars
Value gathered(const Value& a, std::int64_t axis, const Value& places);
Value transposed(const Value& a, const std::vector<std::int64_t>& order);
Value summed(const Value& a, std::int64_t axis, bool keep);

}  // namespace triage::exporting
