#include "route/policy_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"

namespace triage::route {
namespace {

constexpr double kComparedShares[] = {0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5};

double worth(const std::vector<double>& values, std::size_t image) { return values.empty() ? 1 : values[image]; }

double mean_worth(const std::vector<double>& values) {
  if (values.empty()) return 1;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// By image: how often it is right at the shares.
std::vector<double> rights(const Verdicts& verdicts, const ExitScores& scores, std::span<const std::uint8_t> fold) {
  const int folds = fold.empty() ? 0 : *std::ranges::max_element(fold) + 1;
  std::vector<double> out(fold.size());
  for (int f = 0; f < folds; ++f) {
    const std::vector<std::uint32_t> rows = rows_of_fold(fold, f);
    for (const double share : kComparedShares) {
      const std::vector<double> shares(scores.size(), share);
      const std::vector<std::uint8_t> exits = exits_at_shares(scores, rows, shares);
      for (std::size_t k = 0; k < rows.size(); ++k) out[rows[k]] += verdicts.correct[exits[k]][rows[k]];
    }
  }
  for (double& right : out) right /= static_cast<double>(std::size(kComparedShares));
  return out;
}

PolicyGain gain_of(std::span<const double> differences, const std::vector<double>& values) {
  const double n = static_cast<double>(differences.size()), unit = 100 / mean_worth(values);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const double points = unit * worth(values, i) * differences[i];
    sum += points;
    squares += points * points;
  }
  PolicyGain gain;
  if (n < 2) return gain;
  gain.points = sum / n;
  gain.error = std::sqrt(std::max(0.0, squares - sum * sum / n) / (n - 1) / n);
  gain.wins = gain.points > 0 && gain.points > kWinningErrors * gain.error;
  return gain;
}

}  // namespace

std::vector<std::uint8_t> exits_at_shares(const ExitScores& scores, std::span<const std::uint32_t> rows,
                                          std::span<const double> shares) {
  if (shares.size() != scores.size()) fail("shares: expected {}, found {}", scores.size(), shares.size());
  std::vector<std::uint8_t> out(rows.size());
  std::vector<std::size_t> here(rows.size());  // places in rows
  std::iota(here.begin(), here.end(), std::size_t{0});
  for (std::size_t e = 0; e < scores.size(); ++e) {
    std::ranges::stable_sort(here, std::greater{}, [&](std::size_t k) { return scores[e][rows[k]]; });
    here.resize(static_cast<std::size_t>(std::llround(shares[e] * static_cast<double>(here.size()))));
    std::ranges::sort(here);
    for (const std::size_t k : here) out[k] = static_cast<std::uint8_t>(e + 1);
  }
  return out;
}

std::vector<double> shares_going_on(std::span<const std::uint8_t> exits, std::size_t stages) {
  std::vector<double> shares;
  for (std::size_t e = 0; e + 1 < stages; ++e) {
    const auto come = std::ranges::count_if(exits, [e](std::uint8_t exit) { return exit >= e; });
    const auto go_on = std::ranges::count_if(exits, [e](std::uint8_t exit) { return exit > e; });
    shares.push_back(come > 0 ? static_cast<double>(go_on) / static_cast<double>(come) : 0);
  }
  return shares;
}

PolicyChoice choose_policy(const Verdicts& verdicts, const ExitScores& confidence,
                           std::span<const PolicyCandidate> candidates, std::span<const std::uint8_t> fold,
                           const std::vector<double>& values) {
  PolicyChoice choice;
  const std::vector<double> plain = rights(verdicts, confidence, fold);
  double most = 0;
  for (const PolicyCandidate& candidate : candidates) {
    std::vector<double> differences = rights(verdicts, candidate.scores, fold);
    for (std::size_t i = 0; i < differences.size(); ++i) differences[i] -= plain[i];
    PolicyGain& gain = choice.gains.emplace_back(gain_of(differences, values));
    gain.policy = candidate.policy;
    if (!gain.wins || gain.points <= most) continue;
    most = gain.points;
    choice.policy = gain.policy;
  }
  return choice;
}

std::vector<std::uint8_t> folds_of(std::size_t count, int folds, std::uint64_t seed) {
  if (folds < 2 || folds > 255) fail("folds: expected 2 to 255, found {}", folds);
  std::vector<std::uint8_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i % static_cast<std::size_t>(folds));
  Rng rng(derive_seed(seed, "folds"));
  for (std::size_t i = count; i > 1; --i) std::swap(out[i - 1], out[rng.below(static_cast<std::uint32_t>(i))]);
  return out;
}

std::vector<std::uint32_t> rows_of_fold(std::span<const std::uint8_t> folds, int fold, bool others) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < folds.size(); ++i)
    if ((folds[i] == fold) != others) rows.push_back(static_cast<std::uint32_t>(i));
  return rows;
}

PolicyGain paired_gain(const Verdicts& verdicts, std::span<const std::uint8_t> exits,
                       std::span<const std::uint8_t> others, const std::vector<double>& values) {
  std::vector<double> differences(exits.size());
  for (std::size_t i = 0; i < exits.size(); ++i)
    differences[i] = verdicts.correct[exits[i]][i] - verdicts.correct[others[i]][i];
  return gain_of(differences, values);
}

std::string to_text(const PolicyGain& gain) {
  return std::format("{} gains {:.2f} points [{:.2f}, {:.2f}] over confidence", plan::to_string(gain.policy),
                     gain.points, gain.points - 1.96 * gain.error, gain.points + 1.96 * gain.error);
}

Json to_json(const PolicyChoice& choice) {
  Json gains = Json::array();
  for (const PolicyGain& gain : choice.gains) {
    gains.push_back({{"policy", plan::to_string(gain.policy)},
                     {"points", gain.points},
                     {"standard_error", gain.error},
                     {"wins", gain.wins}});
  }
  return {{"chosen", plan::to_string(choice.policy)}, {"gains", gains}};
}

}  // namespace triage::route
