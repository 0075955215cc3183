#include "search/solve/router_fit.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::search {
namespace {

constexpr std::size_t kTerms = 10;  // 1, three inputs, six products
constexpr double kRidge = 1e-2;     // of the mean squared size of a term

using Terms = std::array<double, kTerms>;

struct Standard {
  std::array<double, 3> mean{}, scale{};
};

Standard standardise(const SplitEvidence& split) {
  Standard out;
  const auto count = static_cast<double>(split.seen.size());
  for (std::size_t k = 0; k < 3; ++k) {
    double sum = 0, squares = 0;
    for (const auto& seen : split.seen) sum += seen[k];
    out.mean[k] = sum / count;
    for (const auto& seen : split.seen) squares += (seen[k] - out.mean[k]) * (seen[k] - out.mean[k]);
    const double deviation = std::sqrt(squares / count);
    out.scale[k] = deviation > 0 ? 1 / deviation : 0;
  }
  return out;
}

Terms terms_of(const std::array<float, 3>& seen, const Standard& standard) {
  std::array<double, 3> x;
  for (std::size_t k = 0; k < 3; ++k) x[k] = (seen[k] - standard.mean[k]) * standard.scale[k];
  return {1, x[0], x[1], x[2], x[0] * x[0], x[1] * x[1], x[2] * x[2], x[0] * x[1], x[0] * x[2], x[1] * x[2]};
}

// Solves a symmetric positive definite system by Cholesky; `a` is overwritten.
Terms solve_positive(std::array<Terms, kTerms>& a, Terms b) {
  for (std::size_t j = 0; j < kTerms; ++j) {
    for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
    a[j][j] = std::sqrt(a[j][j]);
    for (std::size_t i = j + 1; i < kTerms; ++i) {
      for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
  }
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = kTerms; i-- > 0;) {
    for (std::size_t k = i + 1; k < kTerms; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

}  // namespace

std::vector<float> fit_router_scores(const ExitNet& exit, const std::vector<std::uint8_t>& last_correct_on_route) {
  const SplitEvidence& route = exit.route;
  if (last_correct_on_route.size() != route.correct.size() || route.correct.empty()) {
    fail("router of net {}: expected verdicts on {} route images, found {}", exit.name, route.correct.size(),
         last_correct_on_route.size());
  }
  const Standard standard = standardise(route);
  std::array<Terms, kTerms> gram{};
  Terms target{};
  for (std::size_t i = 0; i < route.seen.size(); ++i) {
    const Terms terms = terms_of(route.seen[i], standard);
    const double gain = static_cast<double>(last_correct_on_route[i]) - route.correct[i];
    for (std::size_t a = 0; a < kTerms; ++a) {
      target[a] += terms[a] * gain;
      for (std::size_t b = 0; b <= a; ++b) gram[a][b] += terms[a] * terms[b];
    }
  }
  double trace = 0;
  for (std::size_t a = 0; a < kTerms; ++a) trace += gram[a][a];
  for (std::size_t a = 0; a < kTerms; ++a) gram[a][a] += kRidge * trace / kTerms;
  const Terms weights = solve_positive(gram, target);
  std::vector<float> scores;
  scores.reserve(exit.validation.seen.size());
  for (const auto& seen : exit.validation.seen) {
    const Terms terms = terms_of(seen, standard);
    double gain = 0;
    for (std::size_t a = 0; a < kTerms; ++a) gain += weights[a] * terms[a];
    scores.push_back(static_cast<float>(1 / (1 + std::exp(-2 * gain))));
  }
  return scores;
}

}  // namespace triage::search
