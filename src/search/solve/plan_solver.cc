// Map: Best keeps the best point of each level; two_stages() walks the sorted images, ThresholdGrid the combinations of
// thresholds; solve() turns what Best holds into points.
#include "search/solve/plan_solver.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "threshold/sums.h"

namespace triage::search {
namespace {

// Cells of an exit's scores, by the number of stages: some thousand combinations.
constexpr std::array<std::size_t, kMaxSearchStages + 1> kGrid{0, 0, 0, 64, 20};

struct ThresholdSetting {  // thresholds as counts: how many of all images have a score above each
  double cost = 0, accuracy = 0, violation = 0;
  std::array<std::uint32_t, kMaxSearchStages - 1> escalated{};
  std::array<double, kMaxSearchStages> reach{};
};

// The best setting of each level that keeps the budgets, and, until there is one, the one that breaks them least.
class Best {
 public:
  Best(std::span<const cost::CostedStage> costs, const cost::Budgets& budgets, cost::CostAxis axis,
       const threshold::CostLevels& levels, std::size_t images)
      : costs_(costs),
        budgets_(budgets),
        limited_(budgets != cost::Budgets{}),
        levels_(levels),
        images_(static_cast<double>(images)),
        kept_(levels.size()) {
    for (const cost::CostedStage& stage : costs) stage_cost_.push_back(on_axis(stage, axis));
  }

  // reached[j]: images that come to stage j.
  void offer(std::span<const std::uint32_t> reached, double correct, std::span<const std::uint32_t> escalated) {
    double cost = 0;
    for (std::size_t j = 0; j < reached.size(); ++j) cost += stage_cost_[j] * reached[j];
    const struct {
      double cost, accuracy;
    } found{cost / images_, correct / images_};
    const std::size_t level = levels_.level(found.cost);
    if (level >= levels_.size()) return;
    const bool better = kept_.improves(level, found);
    if (!better && !(limited_ && none_kept_)) return;
    ThresholdSetting setting{.cost = found.cost, .accuracy = found.accuracy};
    std::ranges::copy(escalated, setting.escalated.begin());
    for (std::size_t j = 0; j < reached.size(); ++j) setting.reach[j] = static_cast<double>(reached[j]) / images_;
    if (limited_) {
      setting.violation = violation(plan_cost(costs_, std::span(setting.reach).first(reached.size())), budgets_);
      if (setting.violation > 0) {
        if (!least_broken_ || setting.violation < least_broken_->violation) least_broken_ = setting;
        return;
      }
    }
    none_kept_ = false;
    if (better) kept_.offer(level, setting);
  }

  std::vector<ThresholdSetting> front() const {
    std::vector<ThresholdSetting> settings = kept_.rising();
    if (settings.empty() && least_broken_) settings.push_back(*least_broken_);
    return settings;
  }

 private:
  std::span<const cost::CostedStage> costs_;
  const cost::Budgets& budgets_;
  bool limited_, none_kept_ = true;
  const threshold::CostLevels& levels_;
  double images_;
  std::vector<double> stage_cost_;
  threshold::LevelTable<ThresholdSetting> kept_;
  std::optional<ThresholdSetting> least_broken_;
};

double sum(const std::vector<std::uint8_t>& correct) { return std::accumulate(correct.begin(), correct.end(), 0.0); }

void two_stages(std::span<const SolverStage> stages, Best& best) {
  const std::vector<std::uint8_t>&first = *stages[0].correct, &second = *stages[1].correct;
  std::array<std::uint32_t, 2> reached{static_cast<std::uint32_t>(first.size()), 0};
  const auto sweep = [&](const auto& ranking) {
    threshold::sweep_thresholds(
        ranking, sum(first), [&](std::size_t i) { return second[i] - first[i]; }, [](std::size_t) { return 1; },
        [&](std::size_t escalated, double correct, double) {
          reached[1] = static_cast<std::uint32_t>(escalated);
          best.offer(reached, correct, std::span(reached).last(1));
        });
  };
  std::visit(sweep, *stages[0].ranking);
}

// All combinations of thresholds at `cells` quantiles of each exit's scores.
class ThresholdGrid {
 public:
  ThresholdGrid(std::span<const SolverStage> stages, std::size_t cells) : stages_(stages), side_(cells + 1) {
    const std::size_t exits = stages.size() - 1, images = stages[0].correct->size();
    std::vector<std::vector<std::uint16_t>> cell(exits);
    for (std::size_t exit = 0; exit < exits; ++exit) {
      std::vector<std::uint32_t>& above = above_.emplace_back(side_, 0u);
      const auto add_all = [&](const auto& ranking) {
        for (const std::size_t below : ranking.below) {
          const std::size_t quantile = below * cells / images;
          cell[exit].push_back(static_cast<std::uint16_t>(quantile + 1));
          ++above[quantile];
        }
      };
      std::visit(add_all, *stages[exit].ranking);
      for (std::size_t k = cells; k-- > 0;) above[k] += above[k + 1];
    }
    sums_ = threshold::grid_sums<std::int32_t>(
        std::vector(exits, side_), cell,
        [&](std::size_t exit, std::size_t i) { return (*stages[exit + 1].correct)[i] - (*stages[exit].correct)[i]; },
        [](std::size_t) { return 1; });
  }

  void offer_all(Best& best) {
    reached_.assign(stages_.size(), static_cast<std::uint32_t>(stages_[0].correct->size()));
    chosen_.assign(above_.size(), 0);
    descend(0, 0, sum(*stages_[0].correct), best);
  }

 private:
  void descend(std::size_t exit, std::size_t index, double correct, Best& best) {
    if (exit == above_.size()) {
      best.offer(reached_, correct, chosen_);
      return;
    }
    for (std::size_t k = 0; k < side_; ++k) {
      if (k > 0 && above_[exit][k] == above_[exit][k - 1]) continue;  // no image lies between the two thresholds
      const std::size_t at = index * side_ + k;
      reached_[exit + 1] = static_cast<std::uint32_t>(sums_[exit].count[at]);
      chosen_[exit] = above_[exit][k];
      descend(exit + 1, at, correct + sums_[exit].gain[at], best);
      if (reached_[exit] == 0) break;  // nobody is here: all thresholds are alike
    }
  }

  std::span<const SolverStage> stages_;
  std::size_t side_;                               // thresholds of an exit: from all images going on to none
  std::vector<std::vector<std::uint32_t>> above_;  // [exits][side] images above the threshold, whether they come or not
  std::vector<threshold::StageSums<std::int32_t>> sums_;
  std::vector<std::uint32_t> reached_, chosen_;  // of the combination at hand, as Best::offer() takes them
};

}  // namespace

std::vector<OperatingPoint> solve(std::span<const SolverStage> stages, std::span<const cost::CostedStage> costs,
                                  const cost::Budgets& budgets, cost::CostAxis axis,
                                  const threshold::CostLevels& levels) {
  if (stages.empty() || stages.size() > kMaxSearchStages || costs.size() != stages.size()) {
    fail("plan solver: expected 1 to {} stages, each with its costs, found {} and {}", kMaxSearchStages, stages.size(),
         costs.size());
  }
  const std::size_t images = stages[0].correct->size();
  Best best(costs, budgets, axis, levels, images);
  if (stages.size() == 1) {
    best.offer(std::array{static_cast<std::uint32_t>(images)}, sum(*stages[0].correct), {});
  } else if (stages.size() == 2) {
    two_stages(stages, best);
  } else {
    ThresholdGrid(stages, kGrid[stages.size()]).offer_all(best);
  }
  std::vector<OperatingPoint> points;
  for (const ThresholdSetting& setting : best.front()) {
    OperatingPoint& point = points.emplace_back();
    point.cost = setting.cost;
    point.accuracy = setting.accuracy;
    point.violation = setting.violation;
    for (std::size_t exit = 0; exit + 1 < stages.size(); ++exit) {
      point.thresholds.push_back(threshold::threshold_after(*stages[exit].ranking, setting.escalated[exit]));
    }
    point.reach.assign(setting.reach.begin(), setting.reach.begin() + static_cast<std::ptrdiff_t>(stages.size()));
  }
  return points;
}

}  // namespace triage::search
