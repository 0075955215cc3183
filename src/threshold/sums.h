// What a cascade answers at every setting of its thresholds, without running it: the one definition of accuracy and
// cost over thresholds, for curves of a plan (route/curve.h) and for the search (search/solve/plan_solver.h).
//
// Under thresholds t the images that reach stage j are R_j(t) = {i : score_k(i) > t_k for all k < j}, and what is
// labelled correctly is
//   correct(t) = sum_i w(i) c_0(i) + sum_{j >= 1} sum_{i in R_j(t)} w(i) (c_j(i) - c_{j-1}(i)),
// so that the gains w(i) (c_j(i) - c_{j-1}(i)) and the counts of images, summed over R_j(t), give accuracy, and cost as
// the sum over stages of what each costs times the images that reach it.
//
// One exit: all thresholds by one pass over the ranked images. Several: images fall into the cells of a grid of
// thresholds, and sums over the cells from above give every combination at once.
// Of floating point sums the order is fixed: images in their order, the first exit's axis first.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "threshold/ranking.h"

namespace triage::threshold {

// Calls visit(escalated, correct, weight) for no image and after each group of equal scores, up to all: how many images
// go on, `correct` and the gains of those images, the sum of their weights.
// correct: what the first stage alone gets; gain(image): what that image's going on changes; weight(image).
template <std::unsigned_integral Index, class Gain, class Weight, class Visit>
void sweep_thresholds(const Ranking<Index>& ranking, double correct, Gain&& gain, Weight&& weight, Visit&& visit) {
  double gone = 0;
  visit(std::size_t{0}, correct, gone);
  const std::size_t images = ranking.order.size();
  for (std::size_t k = 0; k < images; ++k) {
    const std::size_t image = ranking.order[k];
    correct += gain(image);
    gone += weight(image);
    if (ranking.group_end[k]) visit(k + 1, correct, gone);
  }
}

// Sums of a stage over the thresholds of the exits before it, the first exit's outermost.
template <class Sum>
struct StageSums {
  std::vector<Sum> gain, count;  // [thresholds of exit 0 x ... x thresholds of the exit before]
};

// thresholds: how many each exit has, rising. cells: [exits][images], how many of them lie below the image's score: it
// goes on at threshold t exactly when t < cell. gain(exit, image): what going on from that exit changes; weight(image).
// One entry for each stage behind an exit. Sum: an integer where gains and weights are, else double.
template <class Sum, class Gain, class Weight>
std::vector<StageSums<Sum>> grid_sums(std::span<const std::size_t> thresholds,
                                      std::span<const std::vector<std::uint16_t>> cells, Gain&& gain, Weight&& weight) {
  constexpr std::size_t kStays = std::numeric_limits<std::size_t>::max();
  const std::size_t images = cells[0].size();
  std::vector<std::size_t> at(images, 0);  // the highest thresholds at which the image comes as far; kStays: never
  std::vector<StageSums<Sum>> sums;
  std::size_t size = 1;
  for (std::size_t exit = 0; exit < thresholds.size(); ++exit) {
    size *= thresholds[exit];
    StageSums<Sum>& stage = sums.emplace_back(std::vector<Sum>(size), std::vector<Sum>(size));
    for (std::size_t i = 0; i < images; ++i) {
      if (at[i] == kStays) continue;
      if (cells[exit][i] == 0) {
        at[i] = kStays;
        continue;
      }
      at[i] = at[i] * thresholds[exit] + cells[exit][i] - 1;
      stage.gain[at[i]] += gain(exit, i);
      stage.count[at[i]] += weight(i);
    }
    std::size_t stride = size;
    for (std::size_t axis = 0; axis <= exit; ++axis) {
      const std::size_t block = stride;
      stride /= thresholds[axis];
      for (std::size_t base = 0; base < size; base += block) {
        for (std::size_t j = block - stride; j-- > 0;) {
          stage.gain[base + j] += stage.gain[base + j + stride];
          stage.count[base + j] += stage.count[base + j + stride];
        }
      }
    }
  }
  return sums;
}

}  // namespace triage::threshold
