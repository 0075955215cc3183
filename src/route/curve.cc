#include "route/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace triage::route {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kGridPoints = 1 << 15;  // at most, over all exits together
constexpr std::size_t kGridPerExit = 128;

// Between two neighbouring scores, so that rounding in another engine or batch size does not flip an image.
double between(float low, float high) { return (static_cast<double>(low) + static_cast<double>(high)) / 2; }

// Rising thresholds at evenly spaced ranks: the first sends every image on, the last none.
std::vector<double> quantile_thresholds(std::vector<float> scores, std::size_t size) {
  std::ranges::sort(scores);
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  std::vector<double> out{kEscalateAll};
  const std::size_t gaps = scores.size() - 1, wanted = std::min(gaps, size - 2);
  for (std::size_t i = 1; i <= wanted; ++i) {
    const std::size_t gap = wanted == gaps ? i - 1 : i * gaps / (wanted + 1);
    out.push_back(between(scores[gap], scores[gap + 1]));
  }
  out.push_back(kEscalateNone);
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
    const std::vector<float>& score = scores[0];
    order_.resize(count_);
    std::iota(order_.begin(), order_.end(), 0u);
    std::ranges::stable_sort(order_, [&](std::uint32_t a, std::uint32_t b) { return score[a] > score[b]; });
    thresholds_.assign(1, {kEscalateNone});
    for (std::size_t i = 0; i < count_; ++i) {
      if (i + 1 < count_ && score[order_[i]] == score[order_[i + 1]]) continue;
      group_end_.push_back(static_cast<std::uint32_t>(i + 1));
      thresholds_[0].push_back(i + 1 < count_ ? between(score[order_[i + 1]], score[order_[i]]) : kEscalateAll);
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

std::vector<CurveMaker::Totals> CurveMaker::sorted_totals(std::span<const std::uint32_t> weights) const {
  const auto weight = [&](std::uint32_t i) { return weights.empty() ? 1.0 : weights[i]; };
  double total = 0, worth = 0, right = 0, moved = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    total += weight(i);
    worth += weight(i) * value(i);
    right += weight(i) * value(i) * correct_[0][i];
  }
  const auto point = [&] {
    return Totals{right / worth, path_[0] + (path_[1] - path_[0]) * moved / total, moved / total};
  };
  std::vector<Totals> out{point()};
  out.reserve(group_end_.size() + 1);
  std::uint32_t next = 0;
  for (std::uint32_t end : group_end_) {
    for (; next < end; ++next) {
      const std::uint32_t i = order_[next];
      moved += weight(i);
      right += weight(i) * value(i) * (correct_[1][i] - correct_[0][i]);
    }
    out.push_back(point());
  }
  return out;
}

std::vector<CurveMaker::Totals> CurveMaker::grid_totals(std::span<const std::uint32_t> weights) const {
  // Level k adds what stage k + 1 changes for the images that exits 0..k send on: gain (right answers won) and count,
  // as functions of the threshold indices (i_0..i_k), i_0 outermost. An image goes on at i exactly when i < cell.
  const auto weight = [&](std::size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  double total = 0, worth = 0, right = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    total += weight(i);
    worth += weight(i) * value(i);
    right += weight(i) * value(i) * correct_[0][i];
  }
  // Sums until the end: counts are exact, so settings of equal accuracy compare equal.
  std::vector<Totals> out{{right, path_[0] * total, 0}};
  for (std::size_t k = 0; k + 1 < stages_; ++k) {
    std::size_t size = 1;
    for (std::size_t e = 0; e <= k; ++e) size *= thresholds_[e].size();
    std::vector<double> gain(size), going(size);
    for (std::size_t i = 0; i < count_; ++i) {
      std::size_t place = 0;
      bool reaches = true;
      for (std::size_t e = 0; e <= k && reaches; ++e) {
        reaches = cell_[e][i] > 0;
        place = place * thresholds_[e].size() + cell_[e][i] - 1;
      }
      if (!reaches) continue;
      gain[place] += weight(i) * value(i) * (correct_[k + 1][i] - correct_[k][i]);
      going[place] += weight(i);
    }
    std::size_t stride = size;
    for (std::size_t e = 0; e <= k; ++e) {  // suffix sums along dimension e
      const std::size_t length = thresholds_[e].size();
      const std::size_t block = stride;
      stride /= length;
      for (std::size_t base = 0; base < size; base += block) {
        for (std::size_t j = block - stride; j-- > 0;) {
          gain[base + j] += gain[base + j + stride];
          going[base + j] += going[base + j + stride];
        }
      }
    }
    std::vector<Totals> finer;
    finer.reserve(size);
    const std::size_t length = thresholds_[k].size();
    for (std::size_t p = 0; p < size; ++p) {
      const Totals& before = out[p / length];
      finer.push_back({before.accuracy + gain[p], before.latency + (path_[k + 1] - path_[k]) * going[p],
                       k == 0 ? going[p] : before.escalation});
    }
    out = std::move(finer);
  }
  for (Totals& t : out) t = {t.accuracy / worth, t.latency / total, t.escalation / total};
  return out;
}

std::vector<std::size_t> CurveMaker::pareto(const std::vector<Totals>& totals) const {
  std::vector<std::size_t> by_latency(totals.size()), front;
  std::iota(by_latency.begin(), by_latency.end(), std::size_t{0});
  std::ranges::sort(by_latency, [&](std::size_t a, std::size_t b) {
    if (totals[a].latency != totals[b].latency) return totals[a].latency < totals[b].latency;
    return totals[a].accuracy != totals[b].accuracy ? totals[a].accuracy > totals[b].accuracy : a < b;
  });
  for (std::size_t i : by_latency) {
    if (front.empty() || totals[i].accuracy > totals[front.back()].accuracy) front.push_back(i);
  }
  return front;
}

std::vector<CurvePoint> CurveMaker::curve() const {
  std::vector<CurvePoint> out;
  if (stages_ == 2) {
    const auto totals = sorted_totals({});
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const Totals& t = totals[i];
      out.push_back({{thresholds_[0][i]}, t.accuracy, t.latency, t.escalation, share(t.latency)});
    }
    return out;
  }
  const auto totals = grid_totals({});
  for (std::size_t i : pareto(totals)) {
    const Totals& t = totals[i];
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
  std::vector<std::pair<double, double>> trace;
  if (stages_ == 2) {
    for (const Totals& t : sorted_totals(weights)) trace.emplace_back(t.escalation, t.accuracy);
    return area_of(trace, trace.front().second, trace.back().second);
  }
  const auto totals = grid_totals(weights);
  for (std::size_t i : pareto(totals)) trace.emplace_back(share(totals[i].latency), totals[i].accuracy);
  trace.emplace_back(1, trace.back().second);
  // The static nets are corners of the grid: nothing goes on (last indices), everything does (index 0).
  return area_of(trace, totals.back().accuracy, totals.front().accuracy);
}

double between_random_and_oracle(const Area& policy, const Area& oracle) {
  const double random = (policy.weak + policy.strong) / 2;
  return oracle.area != random ? (policy.area - random) / (oracle.area - random) : kNone;
}

const CurvePoint& most_accurate(std::span<const CurvePoint> curve, double budget_us) {
  const CurvePoint* best = nullptr;
  for (const CurvePoint& point : curve) {
    if (point.latency_us <= budget_us && (best == nullptr || point.accuracy > best->accuracy)) best = &point;
  }
  if (best == nullptr) {
    fail("latency budget {:.1f} µs: not reachable, the cheapest path takes {:.1f} µs", budget_us,
         curve.empty() ? kNone : curve.front().latency_us);
  }
  return *best;
}

const CurvePoint& cheapest(std::span<const CurvePoint> curve, double accuracy) {
  double highest = 0;
  for (const CurvePoint& point : curve) {
    if (point.accuracy >= accuracy) return point;  // ascending latency
    highest = std::max(highest, point.accuracy);
  }
  fail("accuracy {:.4f}: not reachable, the best setting reaches {:.4f}", accuracy, highest);
}

const CurvePoint& knee(std::span<const CurvePoint> curve) {
  if (curve.empty()) fail("knee: the curve is empty");
  const CurvePoint& first = curve.front();
  const CurvePoint& top = *std::ranges::max_element(curve, {}, &CurvePoint::accuracy);
  const double width = top.latency_us - first.latency_us, height = top.accuracy - first.accuracy;
  const CurvePoint* best = &top;
  double farthest = 0;
  for (const CurvePoint& point : curve) {
    if (!(width > 0) || !(height > 0)) break;
    const double above = (point.accuracy - first.accuracy) / height - (point.latency_us - first.latency_us) / width;
    if (above > farthest) farthest = above, best = &point;
  }
  return *best;
}

}  // namespace triage::route
