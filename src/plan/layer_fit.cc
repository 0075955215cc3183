// Map: row() turns a stage into the values that the coefficients multiply; solve() is least squares with a subset of
// the coefficients; fit_layers() tries every subset, which is the exact non-negative optimum as there are few.
#include "plan/layer_fit.h"

#include <array>
#include <bit>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace triage::plan {
namespace {

constexpr std::size_t kTerms = 7;
constexpr double kSingular = 1e-9;  // of a column that is 1 long: what the columns before it leave of it, squared
constexpr double kBetter = 1e-9;    // a larger subset must leave less than this share more to be worth it

using Row = std::array<double, kTerms>;
using Matrix = std::array<Row, kTerms>;

Row row(const StageTerms& stage) {
  return {stage.layers_us,
          static_cast<double>(stage.layers),
          1,
          stage.image ? 1.0 : 0.0,
          stage.head_kb,
          stage.carry_in_kb,
          stage.carry_out_kb};
}

struct Sums {  // of the relative rows x = row / measured: every stage's target is 1
  Matrix xx{};
  Row x1{}, length{};  // length: of each column, which is divided by it
  double count = 0;
};

Sums normal_equations(std::span<const StageTerms> stages, std::span<const double> measured_us) {
  Sums sums;
  std::vector<Row> rows;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    Row x = row(stages[s]);
    for (std::size_t i = 0; i < kTerms; ++i) {
      x[i] /= measured_us[s];
      sums.length[i] += x[i] * x[i];
    }
    rows.push_back(x);
  }
  for (double& length : sums.length) length = std::sqrt(length);
  for (Row& x : rows) {
    for (std::size_t i = 0; i < kTerms; ++i) x[i] = sums.length[i] > 0 ? x[i] / sums.length[i] : 0;
    for (std::size_t i = 0; i < kTerms; ++i) {
      sums.x1[i] += x[i];
      for (std::size_t j = 0; j < kTerms; ++j) sums.xx[i][j] += x[i] * x[j];
    }
    sums.count += 1;
  }
  return sums;
}

// Cholesky on the columns in `subset`. None: they depend on each other, or a coefficient would be negative.
std::optional<Row> solve(const Sums& sums, unsigned subset) {
  Matrix lower{};
  Row y{}, solution{};
  const auto chosen = [&](std::size_t i) { return (subset >> i & 1u) != 0; };
  for (std::size_t i = 0; i < kTerms; ++i) {
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
  for (std::size_t i = kTerms; i-- > 0;) {
    if (!chosen(i)) continue;
    double value = y[i];
    for (std::size_t k = i + 1; k < kTerms; ++k) value -= lower[k][i] * solution[k];
    solution[i] = value / lower[i][i];
    if (solution[i] < 0) return {};
  }
  return solution;
}

double squared_error(const Sums& sums, const Row& solution) {
  double error = sums.count;
  for (std::size_t i = 0; i < kTerms; ++i) {
    error -= 2 * solution[i] * sums.x1[i];
    for (std::size_t j = 0; j < kTerms; ++j) error += solution[i] * solution[j] * sums.xx[i][j];
  }
  return error;
}

double map_kb(int channels, int height, int width) {
  return static_cast<double>(channels) * height * width * sizeof(float) / 1024;
}

}  // namespace

StageTerms stage_terms(const StageShape& stage, const InputShape& input) {
  const std::vector<ConvLayer> layers = stage_layers(stage, input);
  const ConvLayer &first = layers.front(), &last = layers.back();
  const int shrink = last.pool ? 2 : 1;
  StageTerms terms{.layers = static_cast<int>(layers.size()), .image = stage.first_block == 0};
  terms.head_kb = map_kb(last.out_channels, last.height / shrink, last.width / shrink);
  if (!terms.image) terms.carry_in_kb = map_kb(first.in_channels, first.height, first.width);
  if (stage.carry) terms.carry_out_kb = terms.head_kb;
  return terms;
}

double LayerFit::predict(const StageTerms& stage) const {
  return scale * stage.layers_us + per_layer_us * stage.layers + fixed_us + (stage.image ? image_us : 0) +
         per_head_kb_us * stage.head_kb + per_carry_in_kb_us * stage.carry_in_kb +
         per_carry_out_kb_us * stage.carry_out_kb;
}

LayerFit fit_layers(std::span<const StageTerms> stages, std::span<const double> measured_us) {
  if (stages.empty() || stages.size() != measured_us.size()) {
    fail("layer costs: fit: expected measured stages, found {} stages and {} times", stages.size(), measured_us.size());
  }
  for (const double us : measured_us) {
    if (!(us > 0 && std::isfinite(us))) fail("layer costs: fit: expected times above 0, found {}", us);
  }
  const Sums sums = normal_equations(stages, measured_us);
  Row best{};
  double least = sums.count;
  for (std::size_t size = 1; size <= kTerms; ++size) {
    for (unsigned subset = 1; subset < 1u << kTerms; ++subset) {
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
  for (std::size_t i = 0; i < kTerms; ++i) best[i] = sums.length[i] > 0 ? best[i] / sums.length[i] : 0;
  return {best[0], best[1], best[2], best[3], best[4], best[5], best[6]};
}

}  // namespace triage::plan
