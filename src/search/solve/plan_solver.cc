// Map: Best keeps the best point of each level; two_stages() walks the sorted images, Grid the combinations of
// thresholds; solve() turns what Best holds into points.
#include "search/solve/plan_solver.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace triage::search {
namespace {

// Cells of an exit's scores, by the number of stages: some thousand combinations.
constexpr std::array<std::size_t, kMostStages + 1> kGrid{0, 0, 0, 64, 20};

struct Setting {  // thresholds as counts: how many of all images have a score above each
  double cost = 0, right = -1, violation = 0;
  std::array<std::uint32_t, kMostStages - 1> moved{};
  std::array<double, kMostStages> reach{};
};

class Best {
 public:
  Best(const Bill& bill, const Budgets& budgets, CostAxis axis, const CostLevels& levels, std::size_t images)
      : bill_(bill), budgets_(budgets), limited_(budgets != Budgets{}), levels_(levels), images_(images) {
    of_level_.resize(levels.size());
    for (const StageBill& stage : bill.stages) stage_cost_.push_back(on_axis(stage, axis));
  }

  // reached[j]: images that come to stage j.
  void offer(std::span<const std::uint32_t> reached, double right, std::span<const std::uint32_t> moved) {
    double cost = 0;
    for (std::size_t j = 0; j < reached.size(); ++j) cost += stage_cost_[j] * reached[j];
    cost /= static_cast<double>(images_);
    const std::size_t level = levels_.level(cost);
    if (level >= of_level_.size()) return;
    Setting& best = of_level_[level];
    const bool better = right > best.right || (right == best.right && cost < best.cost);
    if (!better && !(limited_ && none_kept_)) return;
    Setting setting{.cost = cost, .right = right};
    std::ranges::copy(moved, setting.moved.begin());
    for (std::size_t j = 0; j < reached.size(); ++j) {
      setting.reach[j] = static_cast<double>(reached[j]) / static_cast<double>(images_);
    }
    if (limited_) {
      setting.violation = violation(plan_cost(bill_, std::span(setting.reach).first(reached.size())), budgets_);
      if (setting.violation > 0) {
        if (least_broken_.right < 0 || setting.violation < least_broken_.violation) least_broken_ = setting;
        return;
      }
    }
    none_kept_ = false;
    if (better) best = setting;
  }

  std::vector<Setting> front() const {
    std::vector<Setting> settings;
    for (const Setting& setting : of_level_) {
      if (setting.right >= 0 && (settings.empty() || setting.right > settings.back().right))
        settings.push_back(setting);
    }
    if (settings.empty() && least_broken_.right >= 0) settings.push_back(least_broken_);
    return settings;
  }

 private:
  const Bill& bill_;
  const Budgets& budgets_;
  bool limited_, none_kept_ = true;
  const CostLevels& levels_;
  std::size_t images_;
  std::vector<double> stage_cost_;
  std::vector<Setting> of_level_;
  Setting least_broken_;
};

double sum(const std::vector<std::uint8_t>& right) { return std::accumulate(right.begin(), right.end(), 0.0); }

void two_stages(std::span<const SolverStage> stages, Best& best) {
  const Ranking& ranking = *stages[0].ranking;
  const std::vector<std::uint8_t>&first = *stages[0].right, &second = *stages[1].right;
  const auto images = static_cast<std::uint32_t>(first.size());
  double right = sum(first);
  std::array<std::uint32_t, 2> reached{images, 0};
  best.offer(reached, right, std::array{0u});
  for (std::uint32_t k = 0; k < images; ++k) {
    const std::uint16_t image = ranking.order[k];
    right += second[image] - first[image];
    if (!ranking.ends[k]) continue;
    reached[1] = k + 1;
    best.offer(reached, right, std::array{k + 1});
  }
}

// Counts and gains of stage j over the thresholds of the exits before it.
class Grid {
 public:
  Grid(std::span<const SolverStage> stages, std::size_t cells) : stages_(stages), side_(cells + 1) {
    const std::size_t exits = stages.size() - 1, images = stages[0].right->size();
    for (std::size_t exit = 0; exit < exits; ++exit) {
      const Ranking& ranking = *stages[exit].ranking;
      std::vector<std::uint32_t>& moved = moved_.emplace_back(side_, 0u);
      for (const std::uint16_t place : ranking.place) ++moved[place * cells / images];
      for (std::size_t k = cells; k-- > 0;) moved[k] += moved[k + 1];
    }
    std::vector<std::size_t> index(images, 0);
    std::size_t size = 1;
    for (std::size_t j = 1; j <= exits; ++j) {
      const Ranking& ranking = *stages[j - 1].ranking;
      const std::vector<std::uint8_t>&before = *stages[j - 1].right, &here = *stages[j].right;
      size *= side_;
      auto& counts = counts_.emplace_back(size, 0);
      auto& gains = gains_.emplace_back(size, 0);
      for (std::size_t i = 0; i < images; ++i) {
        index[i] = index[i] * side_ + ranking.place[i] * cells / images;
        ++counts[index[i]];
        gains[index[i]] += here[i] - before[i];
      }
      for (std::size_t step = 1; step < size; step *= side_) {
        for (std::size_t at = size; at-- > 0;) {
          if (at / step % side_ + 1 == side_) continue;
          counts[at] += counts[at + step];
          gains[at] += gains[at + step];
        }
      }
    }
  }

  void offer_all(Best& best) {
    reached_.assign(stages_.size(), static_cast<std::uint32_t>(stages_[0].right->size()));
    chosen_.assign(moved_.size(), 0);
    descend(0, 0, sum(*stages_[0].right), best);
  }

 private:
  void descend(std::size_t exit, std::size_t index, double right, Best& best) {
    if (exit == moved_.size()) {
      best.offer(reached_, right, chosen_);
      return;
    }
    for (std::size_t k = 0; k < side_; ++k) {
      if (k > 0 && moved_[exit][k] == moved_[exit][k - 1]) continue;  // no image lies between the two thresholds
      const std::size_t at = index * side_ + k;
      reached_[exit + 1] = static_cast<std::uint32_t>(counts_[exit][at]);
      chosen_[exit] = moved_[exit][k];
      descend(exit + 1, at, right + gains_[exit][at], best);
      if (reached_[exit] == 0) break;  // nobody is here: all thresholds are alike
    }
  }

  std::span<const SolverStage> stages_;
  std::size_t side_;                               // thresholds of an exit: from all images going on to none
  std::vector<std::vector<std::uint32_t>> moved_;  // [exits][side] images above the threshold, whether they come or not
  std::vector<std::vector<std::int32_t>> counts_, gains_;  // [exits][side^exit]
  std::vector<std::uint32_t> reached_, chosen_;            // of the combination at hand, as Best::offer() takes them
};

}  // namespace

std::vector<OperatingPoint> solve(std::span<const SolverStage> stages, const Bill& bill, const Budgets& budgets,
                                  CostAxis axis, const CostLevels& levels) {
  if (stages.empty() || stages.size() > kMostStages || bill.stages.size() != stages.size()) {
    fail("plan solver: expected 1 to {} stages, each with its costs, found {} and {}", kMostStages, stages.size(),
         bill.stages.size());
  }
  const std::size_t images = stages[0].right->size();
  Best best(bill, budgets, axis, levels, images);
  if (stages.size() == 1) {
    best.offer(std::array{static_cast<std::uint32_t>(images)}, sum(*stages[0].right), {});
  } else if (stages.size() == 2) {
    two_stages(stages, best);
  } else {
    Grid(stages, kGrid[stages.size()]).offer_all(best);
  }
  std::vector<OperatingPoint> points;
  for (const Setting& setting : best.front()) {
    OperatingPoint& point = points.emplace_back();
    point.cost = setting.cost;
    point.accuracy = setting.right / static_cast<double>(images);
    point.violation = setting.violation;
    for (std::size_t exit = 0; exit + 1 < stages.size(); ++exit) {
      point.thresholds.push_back(threshold_after(*stages[exit].ranking, setting.moved[exit]));
    }
    point.reach.assign(setting.reach.begin(), setting.reach.begin() + static_cast<std::ptrdiff_t>(stages.size()));
  }
  return points;
}

}  // namespace triage::search
