// Map: normal_equations() of rows divided by what was measured; solve() is least squares with a subset of the
// coefficients; fit_relative() tries every subset.
#include "cost/layers/relative_fit.h"

#include <bit>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace triage::cost {
namespace {

constexpr std::size_t kMaxTerms = 16;
constexpr double kSingular = 1e-9;  // of a column that is 1 long: what the columns before it leave of it, squared
constexpr double kBetter = 1e-9;    // a larger subset must leave less than this share more to be worth it

using Row = std::vector<double>;

struct Sums {  // of the relative rows x = row / measured: every target is 1
  std::vector<Row> xx;
  Row x1, length;  // length: of each column, which is divided by it
  double count = 0;
  std::size_t terms() const { return x1.size(); }
};

Sums normal_equations(std::span<const Row> rows, std::span<const double> measured) {
  const std::size_t terms = rows[0].size();
  Sums sums{.xx = std::vector<Row>(terms, Row(terms)), .x1 = Row(terms), .length = Row(terms)};
  std::vector<Row> relative(rows.begin(), rows.end());
  for (std::size_t s = 0; s < relative.size(); ++s) {
    for (std::size_t i = 0; i < terms; ++i) {
      relative[s][i] /= measured[s];
      sums.length[i] += relative[s][i] * relative[s][i];
    }
  }
  for (double& length : sums.length) length = std::sqrt(length);
  for (Row& x : relative) {
    for (std::size_t i = 0; i < terms; ++i) x[i] = sums.length[i] > 0 ? x[i] / sums.length[i] : 0;
    for (std::size_t i = 0; i < terms; ++i) {
      sums.x1[i] += x[i];
      for (std::size_t j = 0; j < terms; ++j) sums.xx[i][j] += x[i] * x[j];
    }
    sums.count += 1;
  }
  return sums;
}

// Cholesky on the columns in `subset`. None: they depend on each other, or a coefficient would be negative.
std::optional<Row> solve(const Sums& sums, unsigned subset) {
  const std::size_t terms = sums.terms();
  std::vector<Row> lower(terms, Row(terms));
  Row y(terms), solution(terms);
  const auto chosen = [&](std::size_t i) { return (subset >> i & 1u) != 0; };
  for (std::size_t i = 0; i < terms; ++i) {
    if (!chosen(i)) continue;
    for (std::size_t j = 0; j <= i; ++j) {
      if (!chosen(j)) continue;
      double value = sums.xx[i][j];
      for (std::size_t k = 0; k < j; ++k) value -= lower[i][k] * lower[j][k];
      if (i == j && value < kSingular) return {};
      lower[i][j] = i == j ? std::sqrt(value) : value / lower[j][j];
    }
    y[i] = sums.x1[i];
    for (std::size_t k = 0; k < i; ++k) y[i] -= lower[i][k] * y[k];
    y[i] /= lower[i][i];
  }
  for (std::size_t i = terms; i-- > 0;) {
    if (!chosen(i)) continue;
    double value = y[i];
    for (std::size_t k = i + 1; k < terms; ++k) value -= lower[k][i] * solution[k];
    solution[i] = value / lower[i][i];
    if (solution[i] < 0) return {};
  }
  return solution;
}

double squared_error(const Sums& sums, const Row& solution) {
  double error = sums.count;
  for (std::size_t i = 0; i < sums.terms(); ++i) {
    error -= 2 * solution[i] * sums.x1[i];
    for (std::size_t j = 0; j < sums.terms(); ++j) error += solution[i] * solution[j] * sums.xx[i][j];
  }
  return error;
}

}  // namespace

std::vector<double> fit_relative(std::span<const Row> rows, std::span<const double> measured, const char* what) {
  if (rows.empty() || rows.size() != measured.size()) {
    fail("{}: fit: expected measured stages, found {} rows and {} values", what, rows.size(), measured.size());
  }
  const std::size_t terms = rows[0].size();
  if (terms < 1 || terms > kMaxTerms) fail("{}: fit: expected 1 to {} terms, found {}", what, kMaxTerms, terms);
  for (const double value : measured) {
    if (!(value > 0 && std::isfinite(value))) fail("{}: fit: expected values above 0, found {}", what, value);
  }
  const Sums sums = normal_equations(rows, measured);
  Row best(terms);
  double least = sums.count;
  for (std::size_t size = 1; size <= terms; ++size) {
    for (unsigned subset = 1; subset < 1u << terms; ++subset) {
      if (static_cast<std::size_t>(std::popcount(subset)) != size) continue;
      const std::optional<Row> solution = solve(sums, subset);
      if (!solution) continue;
      const double error = squared_error(sums, *solution);
      if (error < least - kBetter * sums.count) {
        least = error;
        best = *solution;
      }
    }
  }
  for (std::size_t i = 0; i < terms; ++i) best[i] = sums.length[i] > 0 ? best[i] / sums.length[i] : 0;
  return best;
}

}  // namespace triage::cost
