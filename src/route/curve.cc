#include "route/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "threshold/choose.h"
#include "threshold/sums.h"

namespace triage::route {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kGridPoints = 1 << 15;  // at most, over all exits together
constexpr std::size_t kGridPerExit = 128;

// Rising thresholds at evenly spaced ranks: the first sends every image on, the last none.
std::vector<double> quantile_thresholds(std::vector<float> scores, std::size_t size) {
  std::ranges::sort(scores);
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  std::vector<double> out{threshold::kEscalateAll};
  const std::size_t gaps = scores.size() - 1, wanted = std::min(gaps, size - 2);
  for (std::size_t i = 1; i <= wanted; ++i) {
    const std::size_t gap = wanted == gaps ? i - 1 : i * gaps / (wanted + 1);
    out.push_back(threshold::between(scores[gap], scores[gap + 1]));
  }
  out.push_back(threshold::kEscalateNone);
  return out;
}

// trace: (share, accuracy), rising share from 0 to 1.
Area area_of(const std::vector<std::pair<double, double>>& trace, double weak, double strong) {
  Area out{.weak = weak, .strong = strong};
  for (std::size_t i = 1; i < trace.size(); ++i) {
    out.area += (trace[i].first - trace[i - 1].first) * (trace[i].second + trace[i - 1].second) / 2;
  }
  const double gap = out.strong - out.weak;
  out.apgr = gap != 0 ? (out.area - out.weak) / gap : kNone;
  out.calls.fill(kNone);
  constexpr std::array<double, 3> recovered{0.5, 0.8, 0.95};
  for (std::size_t k = 0; k < recovered.size() && gap > 0; ++k) {
    const double wanted = out.weak + recovered[k] * gap - 1e-12;
    const auto found = std::ranges::find_if(trace, [wanted](const auto& point) { return point.second >= wanted; });
    if (found != trace.end()) out.calls[k] = found->first;
  }
  return out;
}

}  // namespace

CurveMaker::CurveMaker(const std::vector<std::vector<std::uint8_t>>& correct, const ExitScores& scores,
                       std::vector<double> path_latency_us, std::vector<double> values)
    : stages_(correct.size()),
      count_(correct.empty() ? 0 : correct[0].size()),
      path_(std::move(path_latency_us)),
      values_(std::move(values)),
      correct_(correct) {
  if (stages_ < 2 || scores.size() + 1 != stages_ || path_.size() != stages_) {
    fail("curve: expected at least 2 stages, one score less and a latency for each; found {}, {} and {}", stages_,
         scores.size(), path_.size());
  }
  for (std::size_t s = 0; s < stages_; ++s) {
    if (count_ == 0 || correct[s].size() != count_ || (s + 1 < stages_ && scores[s].size() != count_)) {
      fail("curve: stage {} has {} verdicts, expected {} (more than 0)", s, correct[s].size(), count_);
    }
    if (s > 0 && !(path_[s] > path_[s - 1]))
      fail("curve: path latencies must rise, found {} after {}", path_[s], path_[s - 1]);
  }
  if (!values_.empty() && values_.size() != count_)
    fail("curve: expected a value for each of {} images, found {}", count_, values_.size());
  if (stages_ == 2) {
    ranking_ = threshold::rank_images<std::uint32_t>(scores[0]);
    thresholds_.assign(1, {threshold::kEscalateNone});
    for (std::size_t k = 0; k < count_; ++k) {
      if (ranking_.group_end[k]) thresholds_[0].push_back(threshold::threshold_after(ranking_, k + 1));
    }
    return;
  }
  const double exits = static_cast<double>(stages_ - 1);
  const auto per_exit = static_cast<std::size_t>(std::pow(static_cast<double>(kGridPoints), 1 / exits) + 1e-9);
  for (const std::vector<float>& score : scores) {
    const auto& grid =
        thresholds_.emplace_back(quantile_thresholds(score, std::clamp<std::size_t>(per_exit, 3, kGridPerExit)));
    auto& cells = cell_.emplace_back(count_);
    for (std::size_t i = 0; i < count_; ++i) {  // thresholds strictly below the score: escalate at each of them
      cells[i] =
          static_cast<std::uint16_t>(std::ranges::lower_bound(grid, static_cast<double>(score[i])) - grid.begin());
    }
  }
}

double CurveMaker::share(double latency) const { return (latency - path_.front()) / (path_.back() - path_.front()); }

CurveMaker::Base CurveMaker::base(std::span<const std::uint32_t> weights) const {
  Base base;
  for (std::size_t i = 0; i < count_; ++i) {
    const double weight = weights.empty() ? 1.0 : weights[i];
    base.images += weight;
    base.worth += weight * value(i);
    base.correct += weight * value(i) * correct_[0][i];
  }
  return base;
}

std::vector<CurveMaker::Totals> CurveMaker::totals(std::span<const std::uint32_t> weights) const {
  const Base first = base(weights);
  const auto weight = [&](std::size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  const auto gain = [&](std::size_t exit, std::size_t i) {
    return weight(i) * value(i) * (correct_[exit + 1][i] - correct_[exit][i]);
  };
  std::vector<Totals> out;
  if (stages_ == 2) {
    out.reserve(thresholds_[0].size());
    threshold::sweep_thresholds(
        ranking_, first.correct, [&](std::size_t i) { return gain(0, i); }, weight,
        [&](std::size_t, double correct, double moved) {
          out.push_back(
              {correct / first.worth, path_[0] + (path_[1] - path_[0]) * moved / first.images, moved / first.images});
        });
    return out;
  }
  std::vector<std::size_t> sizes;
  for (const std::vector<double>& thresholds : thresholds_) sizes.push_back(thresholds.size());
  const auto sums = threshold::grid_sums<double>(sizes, cell_, gain, weight);
  // Sums until the end: counts are exact, so settings of equal accuracy compare equal.
  out.push_back({first.correct, path_[0] * first.images, 0});
  for (std::size_t k = 0; k + 1 < stages_; ++k) {
    const std::vector<double>&gained = sums[k].gain, &going = sums[k].count;
    std::vector<Totals> finer;
    finer.reserve(going.size());
    for (std::size_t p = 0; p < going.size(); ++p) {
      const Totals& before = out[p / sizes[k]];
      finer.push_back({before.accuracy + gained[p], before.latency + (path_[k + 1] - path_[k]) * going[p],
                       k == 0 ? going[p] : before.escalation});
    }
    out = std::move(finer);
  }
  for (Totals& t : out) t = {t.accuracy / first.worth, t.latency / first.images, t.escalation / first.images};
  return out;
}

std::vector<std::size_t> CurveMaker::pareto(const std::vector<Totals>& totals) const {
  return threshold::pareto_front(
      totals.size(), [&](std::size_t i) { return totals[i].latency; },
      [&](std::size_t i) { return totals[i].accuracy; });
}

std::vector<CurvePoint> CurveMaker::curve() const {
  std::vector<CurvePoint> out;
  const std::vector<Totals> all = totals({});
  if (stages_ == 2) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Totals& t = all[i];
      out.push_back({{thresholds_[0][i]}, t.accuracy, t.latency, t.escalation, share(t.latency)});
    }
    return out;
  }
  for (std::size_t i : pareto(all)) {
    const Totals& t = all[i];
    CurvePoint& point =
        out.emplace_back(std::vector<double>(stages_ - 1), t.accuracy, t.latency, t.escalation, share(t.latency));
    for (std::size_t e = stages_ - 1, rest = i; e-- > 0; rest /= thresholds_[e].size()) {
      point.thresholds[e] = thresholds_[e][rest % thresholds_[e].size()];
    }
  }
  return out;
}

Area CurveMaker::area(std::span<const std::uint32_t> weights) const {
  if (!weights.empty() && weights.size() != count_) fail("curve: {} weights for {} images", weights.size(), count_);
  const std::vector<Totals> all = totals(weights);
  std::vector<std::pair<double, double>> trace;
  if (stages_ == 2) {
    for (const Totals& t : all) trace.emplace_back(t.escalation, t.accuracy);
    return area_of(trace, trace.front().second, trace.back().second);
  }
  for (std::size_t i : pareto(all)) trace.emplace_back(share(all[i].latency), all[i].accuracy);
  trace.emplace_back(1, trace.back().second);
  // The static nets are corners of the grid: nothing goes on (last indices), everything does (index 0).
  return area_of(trace, all.back().accuracy, all.front().accuracy);
}

double between_random_and_oracle(const Area& policy, const Area& oracle) {
  const double random = (policy.weak + policy.strong) / 2;
  return oracle.area != random ? (policy.area - random) / (oracle.area - random) : kNone;
}

const CurvePoint& most_accurate(std::span<const CurvePoint> curve, double budget_us) {
  const auto best = threshold::most_accurate(curve, budget_us, &CurvePoint::latency_us, &CurvePoint::accuracy);
  if (best != curve.end()) return *best;
  fail("latency budget {:.1f} µs: not reachable, the cheapest path takes {:.1f} µs", budget_us,
       curve.empty() ? kNone : curve.front().latency_us);
}

const CurvePoint& cheapest(std::span<const CurvePoint> curve, double accuracy) {
  const auto found = threshold::cheapest(curve, accuracy, &CurvePoint::accuracy);
  if (found != curve.end()) return *found;
  double highest = 0;
  for (const CurvePoint& point : curve) highest = std::max(highest, point.accuracy);
  fail("accuracy {:.4f}: not reachable, the best setting reaches {:.4f}", accuracy, highest);
}

const CurvePoint& knee(std::span<const CurvePoint> curve) {
  if (curve.empty()) fail("knee: the curve is empty");
  return *threshold::knee(curve, &CurvePoint::latency_us, &CurvePoint::accuracy);
}

}  // namespace triage::route
