// Choosing from points of cost and accuracy. A curve is a range of points in rising cost; cost(point) and
// accuracy(point) read one. Where several points are alike the first is taken; iterators are those of the curve, its
// end where no point will do.
#pragma once

#include <algorithm>
#include <functional>
#include <numeric>
#include <ranges>
#include <vector>

namespace triage::threshold {

// Costs at most this. The curve may be in any order.
template <std::ranges::forward_range Curve, class Cost, class Accuracy>
auto most_accurate(Curve&& curve, double max_cost, Cost cost, Accuracy accuracy) {
  auto best = std::ranges::end(curve);
  for (auto point = std::ranges::begin(curve); point != std::ranges::end(curve); ++point) {
    if (!(std::invoke(cost, *point) <= max_cost)) continue;
    if (best == std::ranges::end(curve) || std::invoke(accuracy, *point) > std::invoke(accuracy, *best)) best = point;
  }
  return best;
}

// As accurate as this.
template <std::ranges::forward_range Curve, class Accuracy>
auto cheapest(Curve&& curve, double min_accuracy, Accuracy accuracy) {
  return std::ranges::find_if(curve, [&](const auto& point) { return std::invoke(accuracy, point) >= min_accuracy; });
}

// The point farthest above the chord from the cheapest to the most accurate point, axes scaled to [0, 1]; where none is
// above it, the most accurate point.
template <std::ranges::forward_range Curve, class Cost, class Accuracy>
auto knee(Curve&& curve, Cost cost, Accuracy accuracy) {
  const auto first = std::ranges::begin(curve), top = std::ranges::max_element(curve, {}, accuracy);
  auto best = top;
  if (top == std::ranges::end(curve)) return best;
  const double low_cost = std::invoke(cost, *first), low_accuracy = std::invoke(accuracy, *first);
  const double width = std::invoke(cost, *top) - low_cost, height = std::invoke(accuracy, *top) - low_accuracy;
  if (!(width > 0) || !(height > 0)) return best;
  double farthest = 0;
  for (auto point = first; point != std::ranges::end(curve); ++point) {
    const double above =
        (std::invoke(accuracy, *point) - low_accuracy) / height - (std::invoke(cost, *point) - low_cost) / width;
    if (above > farthest) {
      farthest = above;
      best = point;
    }
  }
  return best;
}

// The numbers, of 0 to count - 1, of the points that no other one beats in both, cheapest first.
template <class Cost, class Accuracy>
std::vector<std::size_t> pareto_front(std::size_t count, Cost cost, Accuracy accuracy) {
  std::vector<std::size_t> by_cost(count), front;
  std::iota(by_cost.begin(), by_cost.end(), std::size_t{0});
  std::ranges::sort(by_cost, [&](std::size_t a, std::size_t b) {
    if (cost(a) != cost(b)) return cost(a) < cost(b);
    return accuracy(a) != accuracy(b) ? accuracy(a) > accuracy(b) : a < b;
  });
  for (const std::size_t i : by_cost) {
    if (front.empty() || accuracy(i) > accuracy(front.back())) front.push_back(i);
  }
  return front;
}

}  // namespace triage::threshold
