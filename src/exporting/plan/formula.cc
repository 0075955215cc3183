#include "exporting/plan/formula.h"

namespace triage::exporting {
namespace {

using Type = onnx::TensorProto;

Value number_like(const Value& a, double number) { return a.of->number(a.type, number); }

Value compared(const char* op, const Value& a, const Value& b) { return a.of->node(op, {a, b}, Type::BOOL); }

}  // namespace

Value Value::as(onnx::TensorProto::DataType to) const {
  if (to == type) return *this;
  const Value made = of->node("Cast", {*this}, to);
  of->builder().attribute("to", std::int64_t{to});
  return made;
}

Value Formula::number(onnx::TensorProto::DataType type, double number) {
  std::string& name = numbers_[{type, number}];
  if (name.empty()) {
    name = next("number");
    const auto whole = static_cast<std::int64_t>(number);
    const auto small = static_cast<std::int32_t>(number);
    const auto single = static_cast<float>(number);
    switch (type) {
      case Type::INT64:
        name = builder_->constant(name, {}, std::span(&whole, 1));
        break;
      case Type::INT32:
        name = builder_->constant(name, {}, std::span(&small, 1));
        break;
      case Type::FLOAT:
        name = builder_->constant(name, {}, std::span(&single, 1));
        break;
      default:
        name = builder_->constant(name, {}, std::span<const double>(&number, 1));
    }
  }
  return value(name, type);
}

Value Formula::list(const std::vector<std::int64_t>& values) {
  return value(builder_->constant(next("list"), {static_cast<std::int64_t>(values.size())}, values), Type::INT64);
}

Value Formula::table(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
  return value(builder_->constant(next("table"), shape, values), Type::FLOAT);
}

Value Formula::table(const std::vector<std::int64_t>& shape, const std::vector<std::int32_t>& values) {
  return value(builder_->constant(next("table"), shape, values), Type::INT32);
}

Value Formula::table(const std::vector<std::int64_t>& shape, const std::vector<std::uint8_t>& values) {
  return value(builder_->constant(next("table"), shape, values), Type::UINT8);
}

Value Formula::node(const std::string& op, const std::vector<Value>& inputs, onnx::TensorProto::DataType type) {
  std::vector<std::string> names;
  for (const Value& input : inputs) names.push_back(input.name);
  return value(builder_->node(op, names, next(op)), type);
}

Value operator+(const Value& a, const Value& b) { return a.of->node("Add", {a, b}); }
Value operator-(const Value& a, const Value& b) { return a.of->node("Sub", {a, b}); }
Value operator*(const Value& a, const Value& b) { return a.of->node("Mul", {a, b}); }
Value operator/(const Value& a, const Value& b) { return a.of->node("Div", {a, b}); }
Value operator%(const Value& a, const Value& b) { return a.of->node("Mod", {a, b}); }
Value operator+(const Value& a, double b) { return a + number_like(a, b); }
Value operator-(const Value& a, double b) { return a - number_like(a, b); }
Value operator-(double a, const Value& b) { return number_like(b, a) - b; }
Value operator*(const Value& a, double b) { return a * number_like(a, b); }
Value operator/(const Value& a, double b) { return a / number_like(a, b); }
Value operator/(double a, const Value& b) { return number_like(b, a) / b; }
Value operator%(const Value& a, double b) { return a % number_like(a, b); }

Value minimum(const Value& a, const Value& b) { return a.of->node("Min", {a, b}); }
Value maximum(const Value& a, const Value& b) { return a.of->node("Max", {a, b}); }
Value minimum(const Value& a, double b) { return minimum(a, number_like(a, b)); }
Value maximum(const Value& a, double b) { return maximum(a, number_like(a, b)); }
Value floor(const Value& a) { return a.of->node("Floor", {a}); }
Value ceil(const Value& a) { return a.of->node("Ceil", {a}); }
Value abs(const Value& a) { return a.of->node("Abs", {a}); }
Value sign(const Value& a) { return a.of->node("Sign", {a}); }

Value less(const Value& a, const Value& b) { return compared("Less", a, b); }
Value less_or_equal(const Value& a, const Value& b) { return compared("LessOrEqual", a, b); }
Value less(const Value& a, double b) { return less(a, number_like(a, b)); }
Value less(double a, const Value& b) { return less(number_like(b, a), b); }
Value less_or_equal(const Value& a, double b) { return less_or_equal(a, number_like(a, b)); }
Value equal(const Value& a, const Value& b) { return compared("Equal", a, b); }
Value both(const Value& a, const Value& b) { return compared("And", a, b); }
Value where(const Value& condition, const Value& a, const Value& b) {
  return a.of->node("Where", {condition, a, b}, a.type);
}
Value where(const Value& condition, const Value& a, double b) { return where(condition, a, number_like(a, b)); }

Value range(const Value& begin, const Value& end) {
  return begin.of->node("Range", {begin, end, begin.of->number(begin.type, 1)});
}

Value listed(const std::vector<Value>& scalars) {
  std::vector<Value> parts;
  for (const Value& scalar : scalars) parts.push_back(unsqueezed(scalar, 0));
  Formula& formula = *scalars.at(0).of;
  const Value made = formula.node("Concat", parts);
  formula.builder().attribute("axis", std::int64_t{0});
  return made;
}

Value element(const Value& list, std::int64_t at) {
  return gathered(list, 0, list.of->number(Type::INT64, static_cast<double>(at)));
}

Value unsqueezed(const Value& a, std::int64_t axis) { return a.of->node("Unsqueeze", {a, a.of->list({axis})}); }

Value sliced(const Value& a, std::int64_t axis, const Value& begin, const Value& end) {
  return a.of->node("Slice", {a, listed({begin}), listed({end}), a.of->list({axis})});
}

Value gathered(const Value& a, std::int64_t axis, const Value& places) {
  const Value made = a.of->node("Gather", {a, places});
  a.of->builder().attribute("axis", axis);
  return made;
}

Value transposed(const Value& a, const std::vector<std::int64_t>& order) {
  const Value made = a.of->node("Transpose", {a});
  a.of->builder().attribute("perm", order);
  return made;
}

Value summed(const Value& a, std::int64_t axis, bool keep) {
  const Value made = a.of->node("ReduceSum", {a, a.of->list({axis})});
  a.of->builder().attribute("keepdims", std::int64_t{keep});
  return made;
}

}  // namespace triage::exporting
