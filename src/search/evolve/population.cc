#include "search/evolve/population.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "threshold/choose.h"

namespace triage::search {
namespace {

bool better(const Individual& a, const Individual& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  return a.crowding > b.crowding;
}

// Fronts of those that keep the budgets, peeled one by one from the points in order of cost; those that break them
// follow, each a front of its own, the least broken first.
void rank_all(std::vector<Individual>& all, std::size_t wanted) {
  std::ranges::stable_sort(all, [](const Individual& a, const Individual& b) {
    if (a.violation != b.violation) return a.violation < b.violation;
    return a.cost != b.cost ? a.cost < b.cost : a.accuracy > b.accuracy;
  });
  const auto kept_end = std::ranges::find_if(all, [](const Individual& i) { return i.violation > 0; });
  std::vector<Individual*> left;
  for (auto it = all.begin(); it != kept_end; ++it) left.push_back(&*it);
  int rank = 0;
  std::size_t ranked = 0;
  for (; !left.empty() && ranked < wanted; ++rank) {
    std::vector<Individual*> next;
    double best = -1;
    for (Individual* individual : left) {
      if (individual->accuracy > best) {
        best = individual->accuracy;
        individual->rank = rank;
        ++ranked;
      } else {
        next.push_back(individual);
      }
    }
    left = std::move(next);
  }
  for (Individual* individual : left) individual->rank = rank;
  for (auto it = kept_end; it != all.end(); ++it) it->rank = ++rank;
}

// Distance of the neighbours on the same front, each axis scaled by the front's extent; cost by its logarithm.
void crowd(std::span<Individual*> front) {
  if (front.empty()) return;
  const double costs = std::log(front.back()->cost / front.front()->cost);
  const double accuracies = front.back()->accuracy - front.front()->accuracy;
  for (std::size_t i = 0; i < front.size(); ++i) {
    if (i == 0 || i + 1 == front.size() || !(costs > 0) || !(accuracies > 0)) {
      front[i]->crowding = std::numeric_limits<double>::infinity();
      continue;
    }
    front[i]->crowding = std::log(front[i + 1]->cost / front[i - 1]->cost) / costs +
                         (front[i + 1]->accuracy - front[i - 1]->accuracy) / accuracies;
  }
}

}  // namespace

void Population::select() {
  std::vector<Individual> all = std::move(members_);
  std::ranges::move(waiting_, std::back_inserter(all));
  waiting_.clear();
  rank_all(all, size_);
  std::ranges::stable_sort(all, {}, &Individual::rank);  // within a front by rising cost still
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    std::vector<Individual*> front;
    for (end = begin; end < all.size() && all[end].rank == all[begin].rank; ++end) front.push_back(&all[end]);
    crowd(front);
    if (begin >= size_) break;
  }
  std::ranges::stable_sort(all, better);
  if (all.size() > size_) all.resize(size_);
  members_ = std::move(all);
}

const Individual& Population::tournament(Rng& rng) const {
  const auto count = static_cast<std::uint32_t>(members_.size());
  const Individual &a = members_[rng.below(count)], &b = members_[rng.below(count)];
  return better(b, a) ? b : a;
}

std::vector<CostAccuracy> pareto(const std::vector<CostAccuracy>& points) {
  std::vector<CostAccuracy> front;
  for (const std::size_t i : threshold::pareto_front(
           points.size(), [&](std::size_t at) { return points[at].cost; },
           [&](std::size_t at) { return points[at].accuracy; })) {
    front.push_back(points[i]);
  }
  return front;
}

double hypervolume(const std::vector<CostAccuracy>& points, double low, double high, double reference) {
  const std::vector<CostAccuracy> front = pareto(points);
  double area = 0;
  for (std::size_t i = 0; i < front.size(); ++i) {
    const double begin = std::clamp(front[i].cost, low, high);
    const double end = i + 1 < front.size() ? std::clamp(front[i + 1].cost, low, high) : high;
    area += std::max(0.0, front[i].accuracy - reference) * std::log(end / begin);
  }
  return area / std::log(high / low) / (1 - reference);
}

}  // namespace triage::search
