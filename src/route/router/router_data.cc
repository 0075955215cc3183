#include <algorithm>
#include <cmath>
#include <numeric>

#include "route/policy_scores.h"
#include "route/router/router_model.h"
#include "runtime/score.h"

namespace triage::route {
namespace {

void standardise(RouterData::ExitInputs& exit, std::size_t count) {
  const auto width = static_cast<std::size_t>(exit.width);
  exit.mean.assign(width, 0);
  exit.scale.assign(width, 0);
  for (std::size_t j = 0; j < width; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i) sum += exit.standardised[i * width + j];
    const double mean = sum / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) squares += std::pow(exit.standardised[i * width + j] - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(count));
    exit.mean[j] = static_cast<float>(mean);
    exit.scale[j] = deviation > 1e-6 ? static_cast<float>(1 / deviation) : 0;  // a constant input says nothing
    for (std::size_t i = 0; i < count; ++i) {
      float& x = exit.standardised[i * width + j];
      x = (x - exit.mean[j]) * exit.scale[j];
    }
  }
}

// Newton's method for logistic regression of `wrong` on the confidence; a small ridge keeps it finite when separable.
void fit_skip(RouterData::ExitInputs& exit, std::span<const std::uint8_t> correct) {
  const std::size_t count = correct.size(), width = static_cast<std::size_t>(exit.width), column = width - 3;
  double slope = -1, bias = -1;
  const double ridge = 1;
  for (int step = 0; step < 30; ++step) {
    double gs = ridge * (slope + 1), gb = ridge * (bias + 1) * 0.01, hss = ridge, hsb = 0, hbb = ridge * 0.01;
    for (std::size_t i = 0; i < count; ++i) {
      const double x = exit.standardised[i * width + column], p = 1 / (1 + std::exp(-(slope * x + bias)));
      const double error = p - (1 - correct[i]), weight = std::max(p * (1 - p), 1e-6);
      gs += error * x, gb += error;
      hss += weight * x * x, hsb += weight * x, hbb += weight;
    }
    const double det = hss * hbb - hsb * hsb;
    const double ds = (hbb * gs - hsb * gb) / det, db = (hss * gb - hsb * gs) / det;
    slope -= std::clamp(ds, -1.0, 1.0), bias -= std::clamp(db, -1.0, 1.0);
    if (std::abs(ds) + std::abs(db) < 1e-9) break;
  }
  // The ranking is the confidence policy's for any negative slope; a positive one would turn it around.
  exit.skip = static_cast<float>(std::min(slope, -0.1));
  exit.bias = static_cast<float>(bias);
}

}  // namespace

RouterData prepare_router_data(const ScoreTable& table, std::span<const plan::Exit> exits,
                               std::span<const double> path_latency_us) {
  const std::size_t stages = table.stages.size(), count = table.count();
  if (stages < 2 || exits.size() != stages || path_latency_us.size() != stages) {
    fail("router training: expected at least 2 stages with an exit and a latency each; found {}, {} and {}", stages,
         exits.size(), path_latency_us.size());
  }
  RouterData data{count, stages};
  data.label_probability.resize(count * stages);
  for (std::size_t s = 0; s < stages; ++s) {
    data.stage_share.push_back(
        static_cast<float>((path_latency_us[s] - (s > 0 ? path_latency_us[s - 1] : 0)) / path_latency_us.back()));
  }
  std::vector<std::size_t> chain(stages);
  std::iota(chain.begin(), chain.end(), std::size_t{0});
  const Verdicts said = exit_answers(exits, plan::PolicyKind::confidence, table, chain).verdicts;
  const auto classes = static_cast<std::size_t>(table.classes);
  std::vector<float> last(count * classes);  // the probabilities the last exit answers from
  std::vector<std::vector<double>> own(stages, std::vector<double>(classes));  // of one image
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t s = 0; s < stages; ++s) {
      const auto logits = table.logits(s, i);
      const float top = *std::ranges::max_element(logits);
      double sum = 0;
      for (std::size_t c = 0; c < classes; ++c) sum += own[s][c] = std::exp((logits[c] - top) / exits[s].temperature);
      for (double& p : own[s]) p /= sum;
      const std::vector<double>& weights = exits[s].answer_weights;
      const auto answered = [&](std::size_t c) {
        if (weights.empty()) return own[s][c];
        double p = 0;
        for (std::size_t k = 0; k <= s; ++k) p += weights[k] * own[k][c];
        return p;
      };
      data.label_probability[i * stages + s] = static_cast<float>(answered(table.labels[i]));
      if (s + 1 < stages) continue;
      for (std::size_t c = 0; c < classes; ++c) last[i * classes + c] = static_cast<float>(answered(c));
    }
  }
  for (std::size_t s = 0; s + 1 < stages; ++s) {
    RouterData::ExitInputs& exit = data.exits.emplace_back();
    exit.width = table.stages[s].feature_width + 3;
    for (std::size_t i = 0; i < count; ++i) {
      const auto features = table.features(s, i);
      const runtime::Evidence seen = runtime::evidence(table.logits(s, i), static_cast<float>(exits[s].temperature));
      exit.standardised.insert(exit.standardised.end(), features.begin(), features.end());
      for (float value : {seen.confidence, seen.entropy, seen.margin}) exit.standardised.push_back(value);
      exit.hard_gain.push_back(static_cast<float>(said.correct.back()[i] - said.correct[s][i]));
      exit.soft_gain.push_back(last[i * classes + said.label.back()[i]] - last[i * classes + said.label[s][i]]);
    }
    standardise(exit, count);
    fit_skip(exit, said.correct[s]);
  }
  return data;
}

}  // namespace triage::route
