#include "route/answer_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "route/policy_choice.h"
#include "runtime/answers.h"

namespace triage::route {
namespace {

constexpr double kEarlierShares[] = {0.25, 0.5, 0.75};  // of the answers so far

using Weights = std::vector<double>;

// Calibrated probabilities of the chain's stages, [stages][count, classes].
struct Answers {
  const ScoreTable& table;
  std::vector<std::vector<float>> probabilities;

  Answers(const ScoreTable& of, std::span<const double> temperatures, std::span<const std::size_t> chain) : table(of) {
    const auto classes = static_cast<std::size_t>(table.classes);
    for (const std::size_t stage : chain) {
      auto& all = probabilities.emplace_back(table.count() * classes);
      for (std::size_t i = 0; i < table.count(); ++i) {
        runtime::calibrate(table.logits(stage, i), static_cast<float>(temperatures[stage]),
                           std::span(all).subspan(i * classes, classes));
      }
    }
  }

  std::size_t classes() const { return static_cast<std::size_t>(table.classes); }

  double log_likelihood(std::size_t image, const Weights& weights) const {
    double p = 0;
    for (std::size_t k = 0; k < weights.size(); ++k)
      p += weights[k] * probabilities[k][image * classes() + table.labels[image]];
    return std::log(std::max(p, 1e-30));
  }

  runtime::Evidence evidence(std::size_t image, const Weights& weights) const {
    std::vector<const float*> rows;
    for (std::size_t k = 0; k < weights.size(); ++k) rows.push_back(&probabilities[k][image * classes()]);
    std::vector<float> mixed(classes());
    return runtime::mixed_evidence(rows, std::vector<float>(weights.begin(), weights.end()), mixed, false);
  }

  bool right(std::size_t image, const Weights& weights) const {
    return static_cast<Label>(evidence(image, weights).label) == table.labels[image];
  }
};

Weights alone(std::size_t stage) {
  Weights weights(stage + 1);
  weights.back() = 1;
  return weights;
}

// Of exit `stage`; the own answer first. before: what the exit before answers from.
std::vector<Weights> candidates(std::size_t stage, const Weights& before) {
  std::vector<Weights> out{alone(stage)};
  std::vector<Weights> earlier{before, Weights(stage, 1 / static_cast<double>(stage))};
  if (earlier[0] == earlier[1]) earlier.pop_back();
  for (const Weights& so_far : earlier) {
    for (const double share : kEarlierShares) {
      Weights& weights = out.emplace_back(so_far);
      for (double& weight : weights) weight *= share;
      weights.push_back(1 - share);
    }
  }
  return out;
}

// [candidates][images]
struct Judged {
  std::vector<std::vector<double>> likelihood;
  std::vector<std::vector<std::uint8_t>> right;

  // The candidate that is right on most of the images `rows`; of equal ones the most likely, then the first.
  std::size_t best(std::span<const std::uint32_t> rows) const {
    std::size_t best = 0;
    std::pair<int, double> most{-1, 0};
    for (std::size_t k = 0; k < right.size(); ++k) {
      std::pair<int, double> sums{0, 0};
      for (const std::uint32_t i : rows) {
        sums.first += right[k][i];
        sums.second += likelihood[k][i];
      }
      if (k > 0 && sums <= most) continue;
      best = k;
      most = sums;
    }
    return best;
  }
};

// images: of the table, that the exit is judged on.
FittedAnswer fit_exit(const Answers& answers, std::size_t stage, const Weights& before,
                      std::span<const std::uint32_t> images, const AnswerWeightOptions& options) {
  FittedAnswer out{.weights = {}, .images = images.size()};
  const std::vector<Weights> all = candidates(stage, before);
  Judged judged;
  for (const Weights& weights : all) {
    auto& likelihood = judged.likelihood.emplace_back();
    auto& right = judged.right.emplace_back();
    for (const std::uint32_t image : images) {
      likelihood.push_back(answers.log_likelihood(image, weights));
      right.push_back(answers.right(image, weights));
    }
  }
  const std::vector<std::uint8_t> folds = folds_of(images.size(), options.folds, options.seed);
  int gained = 0, changed = 0;
  for (int fold = 0; fold < options.folds; ++fold) {
    const std::size_t chosen = judged.best(rows_of_fold(folds, fold, true));
    for (const std::uint32_t i : rows_of_fold(folds, fold)) {
      gained += judged.right[chosen][i] - judged.right[0][i];
      changed += judged.right[chosen][i] != judged.right[0][i];
    }
  }
  const auto n = static_cast<double>(images.size());
  out.points = 100 * gained / n;
  out.error = 100 * std::sqrt(std::max(0.0, changed - gained * gained / n) / (n - 1) / n);
  if (gained <= 0 || out.points < out.error) return out;
  std::vector<std::uint32_t> every(images.size());
  std::iota(every.begin(), every.end(), 0u);
  if (const std::size_t chosen = judged.best(every); chosen > 0) out.weights = all[chosen];
  return out;
}

// The half of the images with the lowest confidence of what the exit answers, but min_images at least.
std::vector<std::uint32_t> unsure_half(const Answers& answers, const Weights& weights,
                                       std::vector<std::uint32_t> images, std::size_t min_images) {
  std::vector<float> confidence(answers.table.count());
  for (const std::uint32_t i : images) confidence[i] = answers.evidence(i, weights).confidence;
  std::ranges::stable_sort(images, {}, [&](std::uint32_t i) { return confidence[i]; });
  images.resize(std::max(images.size() / 2, std::min(min_images, images.size())));
  std::ranges::sort(images);
  return images;
}

}  // namespace

std::vector<FittedAnswer> fit_answer_weights(const ScoreTable& table, std::span<const double> temperatures,
                                             std::span<const std::size_t> chain, const AnswerWeightOptions& options) {
  if (temperatures.size() != table.stages.size())
    fail("answer weights: expected a temperature for each of {} stages, found {}", table.stages.size(),
         temperatures.size());
  std::vector<FittedAnswer> out(chain.size());
  if (chain.size() < 2 || table.count() < options.min_images) return out;
  const Answers answers(table, temperatures, chain);
  std::vector<std::uint32_t> images(table.count());
  std::iota(images.begin(), images.end(), 0u);
  for (std::size_t s = 1; s < chain.size(); ++s) {
    const Weights before = out[s - 1].weights.empty() ? alone(s - 1) : out[s - 1].weights;
    images = unsure_half(answers, before, std::move(images), options.min_images);
    out[s] = fit_exit(answers, s, before, images, options);
  }
  return out;
}

Json to_json(const std::vector<FittedAnswer>& answers) {
  Json list = Json::array();
  for (const FittedAnswer& answer : answers) {
    list.push_back({{"weights", answer.weights},
                    {"images", answer.images},
                    {"points", answer.points},
                    {"standard_error", answer.error}});
  }
  return list;
}

}  // namespace triage::route
