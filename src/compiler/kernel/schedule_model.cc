// Map: ScheduleModel::Growth bins the features once and grows tree after tree on what the trees before it leave of the
// targets; predict() adds them up; rank_quality() is cross-validation.
#include "compiler/kernel/schedule_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>

#include "core/statistics/statistics.h"

namespace triage::compiler {
namespace {

constexpr int kTrees = 150, kDepth = 4;
constexpr std::size_t kBins = 32;  // values of a feature that are told apart
constexpr double kShrink = 0.12;   // share of a leaf's mean that a tree takes on
constexpr double kDoubt = 1;       // candidates at the mean that every leaf is thought to hold besides its own
constexpr double kMinLeaf = 3;     // candidates
constexpr double kMinGain = 1e-9;

using Column = std::vector<double>;
using Members = std::vector<std::uint32_t>;

double score(double total, double count) { return total * total / (count + kDoubt); }

// log(us / multiply-add) of every candidate, the stand-ins of failures included; kernels without a time are left out.
struct Lesson {
  std::vector<std::vector<double>> rows;
  Column targets;
};
Lesson lesson_of(std::span<const Candidate> measured, const Target& target) {
  std::map<KernelKey, double> slowest;
  for (const Candidate& candidate : measured) {
    if (!candidate.outcome.us) continue;
    double& us = slowest[candidate.key];
    us = std::max(us, *candidate.outcome.us);
  }
  Lesson lesson;
  for (const Candidate& candidate : measured) {
    const auto known = slowest.find(candidate.key);
    if (known == slowest.end()) continue;
    lesson.rows.push_back(features(candidate.key, candidate.schedule, target));
    lesson.targets.push_back(std::log(candidate.outcome.us.value_or(known->second) / candidate.key.macs()));
  }
  return lesson;
}

}  // namespace

class ScheduleModel::Growth {
 public:
  Growth(const std::vector<std::vector<double>>& rows, Column residuals) : residuals_(std::move(residuals)) {
    const std::size_t count = rows.size(), features = rows[0].size();
    edges_.resize(features);
    bins_.assign(features, std::vector<std::uint8_t>(count));
    for (std::size_t f = 0; f < features; ++f) {
      Column values(count);
      std::ranges::transform(rows, values.begin(), [f](const auto& row) { return row[f]; });
      std::ranges::sort(values);
      Column& edges = edges_[f];
      for (std::size_t bin = 1; bin < kBins; ++bin) {
        const double edge = values[count * bin / kBins];
        if (edge > (edges.empty() ? values[0] : edges.back())) edges.push_back(edge);
      }
      for (std::size_t row = 0; row < count; ++row) {
        bins_[f][row] = static_cast<std::uint8_t>(std::ranges::upper_bound(edges, rows[row][f]) - edges.begin());
      }
    }
  }

  // One more, and its part is taken off the residuals.
  Tree tree() {
    Members all(residuals_.size());
    std::iota(all.begin(), all.end(), 0u);
    Tree tree(1);
    grow(tree, 0, all, kDepth);
    return tree;
  }

 private:
  struct Split {
    double gain = kMinGain;
    std::size_t feature = 0, edge = 0;
    bool found = false;
  };
  struct Sum {
    double total = 0, count = 0;
  };

  void grow(Tree& tree, std::size_t node, const Members& members, int levels) {
    Sum sum{.count = static_cast<double>(members.size())};
    for (const std::uint32_t row : members) sum.total += residuals_[row];
    const Split split = levels > 0 ? best_split(members, sum) : Split{};
    if (!split.found) {
      tree[node].value = kShrink * sum.total / (sum.count + kDoubt);
      for (const std::uint32_t row : members) residuals_[row] -= tree[node].value;
      return;
    }
    Members below, other;
    for (const std::uint32_t row : members) (bins_[split.feature][row] <= split.edge ? below : other).push_back(row);
    const std::size_t children = tree.size();
    tree[node] = {.feature = static_cast<int>(split.feature),
                  .threshold = edges_[split.feature][split.edge],
                  .below = static_cast<int>(children),
                  .other = static_cast<int>(children) + 1};
    tree.resize(children + 2);
    grow(tree, children, below, levels - 1);
    grow(tree, children + 1, other, levels - 1);
  }

  Split best_split(const Members& members, const Sum& sum) const {
    Split best;
    for (std::size_t f = 0; f < edges_.size(); ++f) {
      std::array<Sum, kBins> of_bin{};
      for (const std::uint32_t row : members) {
        Sum& bin = of_bin[bins_[f][row]];
        bin.total += residuals_[row];
        bin.count += 1;
      }
      Sum below;
      for (std::size_t edge = 0; edge < edges_[f].size(); ++edge) {
        below.total += of_bin[edge].total;
        below.count += of_bin[edge].count;
        const Sum other{sum.total - below.total, sum.count - below.count};
        if (below.count < kMinLeaf || other.count < kMinLeaf) continue;
        const double gain =
            score(below.total, below.count) + score(other.total, other.count) - score(sum.total, sum.count);
        if (gain > best.gain) best = {gain, f, edge, true};
      }
    }
    return best;
  }

  Column residuals_;
  std::vector<Column> edges_;                    // of each feature: row is in bin b when edges[b - 1] <= x < edges[b]
  std::vector<std::vector<std::uint8_t>> bins_;  // [feature][row]
};

ScheduleModel::ScheduleModel(std::span<const Candidate> measured, const Target& target) : target_(target) {
  Lesson lesson = lesson_of(measured, target);
  if (lesson.rows.empty()) return;
  mean_ = std::accumulate(lesson.targets.begin(), lesson.targets.end(), 0.0) / static_cast<double>(lesson.rows.size());
  for (double& value : lesson.targets) value -= mean_;
  Growth growth(lesson.rows, std::move(lesson.targets));
  for (int i = 0; i < kTrees; ++i) trees_.push_back(growth.tree());
}

double ScheduleModel::predict(const KernelKey& key, const Schedule& schedule) const {
  if (trees_.empty()) return 0;
  const std::vector<double> x = features(key, schedule, target_);
  double sum = mean_;
  for (const Tree& tree : trees_) {
    const Node* node = tree.data();
    while (node->feature >= 0) {
      const bool below = x[static_cast<std::size_t>(node->feature)] < node->threshold;
      node = &tree[static_cast<std::size_t>(below ? node->below : node->other)];
    }
    sum += node->value;
  }
  return sum;
}

RankQuality rank_quality(std::span<const Candidate> measured, const Target& target, int folds) {
  std::map<KernelKey, int> fold_of;
  for (const Candidate& candidate : measured) fold_of.try_emplace(candidate.key, 0);
  int next = 0;
  for (auto& [key, fold] : fold_of) fold = next++ % folds;

  RankQuality quality;
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<Candidate> others;
    for (const Candidate& candidate : measured) {
      if (fold_of[candidate.key] != fold) others.push_back(candidate);
    }
    if (others.empty()) continue;
    const ScheduleModel model(others, target);
    std::map<KernelKey, std::pair<Column, Column>> held_out;
    for (const Candidate& candidate : measured) {
      if (fold_of[candidate.key] != fold || !candidate.outcome.us) continue;
      auto& [truth, predicted] = held_out[candidate.key];
      truth.push_back(*candidate.outcome.us);
      predicted.push_back(model.predict(candidate.key, candidate.schedule));
    }
    for (const auto& [key, pair] : held_out) {
      const double tau = kendall_tau(pair.first, pair.second);
      if (std::isnan(tau)) continue;
      quality.tau += (tau - quality.tau) / ++quality.kernels;
    }
  }
  return quality;
}

}  // namespace triage::compiler
