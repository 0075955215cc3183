#include "exporting/score_nodes.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace triage::exporting {
namespace {

struct EvidenceNames {
  std::string scaled, probabilities;  // [n, classes]: logits / temperature and their softmax
};

EvidenceNames add_probabilities(GraphBuilder& builder, double temperature, const std::string& logits) {
  EvidenceNames names{logits, {}};
  if (temperature != 1) {
    const auto divisor = builder.constant("router/temperature", static_cast<float>(temperature));
    names.scaled = builder.node("Div", {logits, divisor}, "router/scaled");
  }
  names.probabilities = builder.node("Softmax", {names.scaled}, "router/probabilities");
  builder.attribute("axis", 1);
  return names;
}

std::string add_confidence(GraphBuilder& builder, const EvidenceNames& names) {
  auto confidence = builder.node("ReduceMax", {names.probabilities}, "router/confidence");
  builder.attribute("axes", std::vector<std::int64_t>{1}).attribute("keepdims", 1);
  return confidence;
}

// -sum p log p / log(classes). The logarithm comes from LogSoftmax: it stays finite where a probability rounds to 0.
std::string add_entropy(GraphBuilder& builder, const EvidenceNames& names, int classes) {
  const auto logarithms = builder.node("LogSoftmax", {names.scaled}, "router/log_probabilities");
  builder.attribute("axis", 1);
  const auto products = builder.node("Mul", {names.probabilities, logarithms}, "router/p_log_p");
  const std::int64_t axis = 1;
  const auto axes = builder.constant("router/class_axis", {1}, std::span(&axis, 1));
  const auto sum = builder.node("ReduceSum", {products, axes}, "router/negative_entropy");
  builder.attribute("keepdims", 1);
  const auto scale = builder.constant("router/entropy_scale", static_cast<float>(-1 / std::log(double(classes))));
  return builder.node("Mul", {sum, scale}, "router/entropy");
}

std::string add_margin(GraphBuilder& builder, const EvidenceNames& names) {
  const std::int64_t two = 2, first = 0, second = 1;
  const auto k = builder.constant("router/two", {1}, std::span(&two, 1));
  const auto top = builder.node("TopK", {names.probabilities, k}, "router/top");
  builder.graph().mutable_node(builder.graph().node_size() - 1)->add_output(top + "_index");
  builder.attribute("axis", 1);
  const auto at_first = builder.constant("router/first", {1}, std::span(&first, 1));
  const auto at_second = builder.constant("router/second", {1}, std::span(&second, 1));
  const auto best = builder.node("Gather", {top, at_first}, "router/largest");
  builder.attribute("axis", 1);
  const auto next = builder.node("Gather", {top, at_second}, "router/runner_up");
  builder.attribute("axis", 1);
  return builder.node("Sub", {best, next}, "router/margin");
}

void expect_size(const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) fail("router: {}: found {} values, expected {}", what, found, expected);
}

std::string add_router(GraphBuilder& builder, const plan::Router& router, const std::string& features,
                       const std::string& confidence, const std::string& entropy, const std::string& margin) {
  const auto inputs = static_cast<std::size_t>(router.inputs()), hidden = static_cast<std::size_t>(router.hidden);
  expect_size("mean", router.mean.size(), inputs);
  expect_size("scale", router.scale.size(), inputs);
  expect_size("weight1", router.weight1.size(), hidden * inputs);
  expect_size("bias1", router.bias1.size(), hidden);
  expect_size("weight2", router.weight2.size(), hidden);
  const std::int64_t columns = router.inputs(), rows = router.hidden;

  std::vector<std::string> parts;
  if (router.feature_width > 0) parts.push_back(features);
  parts.insert(parts.end(), {confidence, entropy, margin});
  const auto evidence = builder.node("Concat", parts, "router/evidence");
  builder.attribute("axis", 1);
  const auto centred =
      builder.node("Sub", {evidence, builder.constant("router/mean", {1, columns}, router.mean)}, "router/centred");
  const auto standardised = builder.node("Mul", {centred, builder.constant("router/scale", {1, columns}, router.scale)},
                                         "router/standardised");
  const auto sums = builder.node("Gemm",
                                 {standardised, builder.constant("router/weight1", {rows, columns}, router.weight1),
                                  builder.constant("router/bias1", {rows}, router.bias1)},
                                 "router/hidden_sum");
  builder.attribute("transB", 1);
  const auto activations = builder.node("Relu", {sums}, "router/hidden");
  const auto direct = builder.node("Gemm",
                                   {activations, builder.constant("router/weight2", {1, rows}, router.weight2),
                                    builder.constant("router/bias2", {1}, std::span(&router.bias2, 1))},
                                   "router/output");
  builder.attribute("transB", 1);
  const std::int64_t confidence_column = router.feature_width;
  const auto column = builder.constant("router/confidence_column", {1}, std::span(&confidence_column, 1));
  const auto picked = builder.node("Gather", {standardised, column}, "router/standardised_confidence");
  builder.attribute("axis", 1);
  const auto skipped = builder.node("Mul", {picked, builder.constant("router/skip", router.skip)}, "router/skipped");
  const auto sum = builder.node("Add", {direct, skipped}, "router/sum");
  return builder.node("Sigmoid", {sum}, "router/g");
}

std::string one_minus(GraphBuilder& builder, const std::string& value) {
  return builder.node("Sub", {builder.constant("router/one", 1.0f), value}, "router/complement");
}

}  // namespace

std::string add_score(GraphBuilder& builder, plan::PolicyKind policy, const plan::Exit& exit, int classes,
                      const std::string& logits, const std::string& features) {
  if (classes < 2) fail("score: found {} classes, expected at least 2", classes);
  if (!(exit.temperature > 0)) fail("score: found temperature {}, expected a positive number", exit.temperature);
  const auto names = add_probabilities(builder, exit.temperature, logits);
  std::string column;
  switch (policy) {
    case plan::PolicyKind::confidence:
      column = one_minus(builder, add_confidence(builder, names));
      break;
    case plan::PolicyKind::entropy:
      column = add_entropy(builder, names, classes);
      break;
    case plan::PolicyKind::margin:
      column = one_minus(builder, add_margin(builder, names));
      break;
    case plan::PolicyKind::learned: {
      if (!exit.router) fail("score: the policy is \"learned\" but the exit has no router");
      if (exit.router->feature_width > 0 && features.empty())
        fail("score: the router reads {} features but the stage has none", exit.router->feature_width);
      const auto confidence = add_confidence(builder, names);
      const auto entropy = add_entropy(builder, names, classes);
      column = add_router(builder, *exit.router, features, confidence, entropy, add_margin(builder, names));
    }
  }
  const std::int64_t flat = -1;
  return builder.node("Reshape", {column, builder.constant("router/flat", {1}, std::span(&flat, 1))}, "router/score");
}

float float_threshold(double threshold) {
  const auto rounded = static_cast<float>(threshold);
  return static_cast<double>(rounded) > threshold ? std::nextafter(rounded, -std::numeric_limits<float>::infinity())
                                                  : rounded;
}

}  // namespace triage::exporting
