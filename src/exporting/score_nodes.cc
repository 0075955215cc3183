#include "exporting/score_nodes.h"

#include <cmath>
#include <format>
#include <limits>

#include "core/error.h"

namespace triage::exporting {
namespace {

struct EvidenceNames {
  std::string scaled, probabilities;  // [n, classes]: logits / temperature (of a mean: empty) and their softmax
};

EvidenceNames add_probabilities(GraphBuilder& builder, double temperature, const std::string& logits,
                                const std::string& place) {
  EvidenceNames names{logits, {}};
  if (temperature != 1) {
    const auto divisor = builder.constant(place + "/temperature", static_cast<float>(temperature));
    names.scaled = builder.node("Div", {logits, divisor}, place + "/scaled");
  }
  names.probabilities = builder.node("Softmax", {names.scaled}, place + "/probabilities");
  builder.attribute("axis", 1);
  return names;
}

std::string add_largest(GraphBuilder& builder, const std::string& probabilities, const std::string& name) {
  constexpr int kAxesAreAnInput = 18;  // from this operator set on
  const std::vector<std::int64_t> axes{1};
  if (builder.opset() < kAxesAreAnInput) {
    auto largest = builder.node("ReduceMax", {probabilities}, name);
    builder.attribute("axes", axes).attribute("keepdims", 1);
    return largest;
  }
  auto largest = builder.node("ReduceMax", {probabilities, builder.constant(name + "_axes", {1}, axes)}, name);
  builder.attribute("keepdims", 1);
  return largest;
}

std::string add_confidence(GraphBuilder& builder, const EvidenceNames& names) {
  return add_largest(builder, names.probabilities, "router/confidence");
}

// -sum p log p / log(classes). The logarithm comes from LogSoftmax, of a mean from its clamped values: it stays finite
// where a probability rounds to 0.
std::string add_entropy(GraphBuilder& builder, const EvidenceNames& names, int classes) {
  std::string logarithms;
  if (names.scaled.empty()) {
    logarithms = add_logarithm(builder, names.probabilities, "router");
  } else {
    logarithms = builder.node("LogSoftmax", {names.scaled}, "router/log_probabilities");
    builder.attribute("axis", 1);
  }
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

// The mean over the stages of (largest probability - that of the answer).
std::string add_disagreement(GraphBuilder& builder, const std::string& answer, const std::vector<std::string>& stages) {
  const auto label = builder.node("ArgMax", {answer}, "router/answer");
  builder.attribute("axis", 1).attribute("keepdims", 1);
  std::string sum;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    const std::string place = std::format("router/stage{}", k);
    const auto own = builder.node("GatherElements", {stages[k], label}, place + "/of_answer");
    builder.attribute("axis", 1);
    const auto largest = add_largest(builder, stages[k], place + "/largest");
    const auto lost = builder.node("Sub", {largest, own}, place + "/disagrees");
    sum = k == 0 ? lost : builder.node("Add", {sum, lost}, place + "/sum");
  }
  const auto count = builder.constant("router/stages", static_cast<float>(stages.size()));
  return builder.node("Div", {sum, count}, "router/disagreement");
}

std::string one_minus(GraphBuilder& builder, const std::string& value) {
  return builder.node("Sub", {builder.constant("router/one", 1.0f), value}, "router/complement");
}

}  // namespace

std::string add_logarithm(GraphBuilder& builder, const std::string& probabilities, const std::string& place) {
  const auto least = builder.constant(place + "/least", std::numeric_limits<float>::min());
  return builder.node("Log", {builder.node("Max", {probabilities, least}, place + "/clamped")}, place + "/logarithms");
}

std::string add_probabilities(GraphBuilder& builder, double temperature, const std::string& logits) {
  return add_probabilities(builder, temperature, logits, "answer").probabilities;
}

std::string add_mean(GraphBuilder& builder, std::span<const double> weights, std::span<const std::string> stages) {
  std::string sum;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (!(weights[k] > 0)) continue;
    const std::string place = std::format("answer/stage{}", k);
    const auto weight = builder.constant(place + "/weight", static_cast<float>(weights[k]));
    const auto part = builder.node("Mul", {stages[k], weight}, place + "/part");
    sum = sum.empty() ? part : builder.node("Add", {sum, part}, place + "/sum");
  }
  return sum;
}

std::string add_score(GraphBuilder& builder, plan::PolicyKind policy, const plan::Exit& exit, int classes,
                      const std::string& logits, const std::string& features, const AnswersSoFar& so_far) {
  if (classes < 2) fail("score: found {} classes, expected at least 2", classes);
  if (!(exit.temperature > 0)) fail("score: found temperature {}, expected a positive number", exit.temperature);
  const bool own = so_far.mean.empty() || policy == plan::PolicyKind::learned;
  const auto names = own ? add_probabilities(builder, exit.temperature, logits, "router")
                         : EvidenceNames{.scaled = {}, .probabilities = so_far.mean};
  std::string column;
  switch (policy) {
    case plan::PolicyKind::agreement:
      if (so_far.compared.empty()) {
        column = one_minus(builder, add_confidence(builder, names));
      } else {
        column = add_disagreement(builder, names.probabilities, so_far.compared);
      }
      break;
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
