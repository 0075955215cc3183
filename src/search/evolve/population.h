// NSGA-II's selection (Deb et al. 2002) over operating points: non-dominated sorting, crowding, constraint domination.
//
// It is our own, not a library's: here a trial gives a whole set of points, not one, and each stands in the population
// for itself, with the genome it came from; and selection must be a function of the study's trials alone, so that a
// killed search goes on as if nothing had happened.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"

namespace triage::search {

struct Individual {
  std::string genome;
  double cost = 0, accuracy = 0, violation = 0;
  int rank = 0;         // of its front, 0 the best
  double crowding = 0;  // infinite at the ends
};

class Population {
 public:
  explicit Population(std::size_t size) : size_(size) {}
  void add(Individual individual) { waiting_.push_back(std::move(individual)); }
  void select();  // keeps the best `size` of all
  const std::vector<Individual>& members() const { return members_; }
  const Individual& tournament(Rng& rng) const;  // the better of two; there must be members

 private:
  std::size_t size_;
  std::vector<Individual> members_, waiting_;
};

struct CostAccuracy {
  double cost = 0, accuracy = 0;
};

// Points that no other one beats in both, cheapest first.
std::vector<CostAccuracy> pareto(const std::vector<CostAccuracy>& points);

// Area between the reference accuracy and the best accuracy up to each cost, over the logarithm of cost from `low` to
// `high`, on the scale [0, 1] (1: every cost has accuracy 1).
double hypervolume(const std::vector<CostAccuracy>& points, double low, double high, double reference);

}  // namespace triage::search
