#include "evaluate/calibration.h"

#include <algorithm>
#include <cmath>

#include "route/policy_scores.h"
#include "runtime/score.h"

namespace triage::evaluate {

results::Reliability reliability(std::span<const float> confidence, std::span<const std::uint8_t> correct, int bins) {
  if (confidence.size() != correct.size()) {
    fail("reliability: {} confidences, {} verdicts", confidence.size(), correct.size());
  }
  results::Reliability out;
  for (int b = 0; b < bins; ++b) out.bins.push_back({static_cast<double>(b) / bins, static_cast<double>(b + 1) / bins});
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const int b = std::clamp(static_cast<int>(std::ceil(static_cast<double>(confidence[i]) * bins)) - 1, 0, bins - 1);
    results::ReliabilityBin& bin = out.bins[static_cast<std::size_t>(b)];
    ++bin.count;
    bin.confidence += confidence[i];
    bin.accuracy += correct[i];
  }
  for (results::ReliabilityBin& bin : out.bins) {
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.confidence /= count;
    bin.accuracy /= count;
    out.ece += count / static_cast<double>(confidence.size()) * std::abs(bin.accuracy - bin.confidence);
  }
  return out;
}

std::vector<results::Calibration> calibration(const plan::Plan& plan, const route::ScoreTable& table) {
  const route::Verdicts verdicts = route::verdicts(table);
  std::vector<results::Calibration> out;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto at = [&](double temperature) {
      std::vector<float> confidence(table.count());
      for (std::size_t i = 0; i < table.count(); ++i) {
        confidence[i] = runtime::evidence(table.logits(s, i), static_cast<float>(temperature)).confidence;
      }
      return reliability(confidence, verdicts.correct[s]);
    };
    const double temperature = plan.stages[s].exit.temperature;
    out.push_back(
        {.stage = plan.stages[s].name, .temperature = temperature, .before = at(1), .after = at(temperature)});
  }
  return out;
}

}  // namespace triage::evaluate
