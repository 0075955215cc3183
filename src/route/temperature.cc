#include "route/temperature.h"

#include <algorithm>
#include <cmath>

namespace triage::route {

double negative_log_likelihood(std::span<const float> logits, int classes, std::span<const Label> labels,
                               double temperature) {
  const auto width = static_cast<std::size_t>(classes);
  const double inverse = 1 / temperature;
  double total = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.subspan(i * width, width);
    const double top = *std::ranges::max_element(row);
    double sum = 0;
    for (float logit : row) sum += std::exp((logit - top) * inverse);
    total += std::log(sum) - (row[labels[i]] - top) * inverse;
  }
  return labels.empty() ? 0 : total / static_cast<double>(labels.size());
}

double fit_temperature(std::span<const float> logits, int classes, std::span<const Label> labels) {
  if (labels.empty()) return 1;
  const auto loss = [&](double log_t) { return negative_log_likelihood(logits, classes, labels, std::exp(log_t)); };
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.05), high = std::log(20.0);
  double a = high - ratio * (high - low), b = low + ratio * (high - low);
  double loss_a = loss(a), loss_b = loss(b);
  while (high - low > 1e-4) {
    if (loss_a < loss_b) {
      high = b, b = a, loss_b = loss_a;
      a = high - ratio * (high - low), loss_a = loss(a);
    } else {
      low = a, a = b, loss_a = loss_b;
      b = low + ratio * (high - low), loss_b = loss(b);
    }
  }
  return std::exp((low + high) / 2);
}

std::vector<double> fit_temperatures(const ScoreTable& table) {
  std::vector<double> out;
  for (const StageScores& stage : table.stages) {
    out.push_back(fit_temperature(stage.logits, table.classes, table.labels));
  }
  return out;
}

}  // namespace triage::route
