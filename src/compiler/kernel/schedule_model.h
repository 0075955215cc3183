// ScheduleModel: predicts how long a schedule takes from those measured so far, of all kernels, to choose what to
// measure next. Small gradient boosted trees (J. Friedman 2001) on features(). Ridge regression on products of the
// features was tried on the tests' surface: it ranks the schedules of unseen kernels as well from some 250 candidates
// on, and far worse below (Kendall's tau 0.67 against 0.84 with 4 kernels of 32 candidates).
#pragma once

#include <span>
#include <vector>

#include "compiler/tuning/tuning_store.h"

namespace triage::compiler {

// Immutable once made; the same candidates in the same order give the same model on every machine.
class ScheduleModel {
 public:
  // A candidate that failed counts as slow as the slowest of its kernel, so that others like it come last.
  // With nothing measured every prediction is 0.
  ScheduleModel(std::span<const Candidate> measured, const Target& target);

  double predict(const KernelKey& key, const Schedule& schedule) const;  // log of us per multiply-add

 private:
  struct Node {
    int feature = -1;  // none: a leaf
    double threshold = 0;
    int below = 0, other = 0;  // nodes: features[feature] < threshold, or not
    double value = 0;          // of a leaf
  };
  using Tree = std::vector<Node>;  // from the root

  class Growth;

  Target target_;
  double mean_ = 0;
  std::vector<Tree> trees_;
};

// How well a model ranks the schedules of kernels it has not seen: kernels are dealt into `folds`, each is predicted
// from the other folds, Kendall's tau is taken within each kernel and averaged. Failures are no part of it.
struct RankQuality {
  double tau = 0;
  int kernels = 0;  // that count; with 0 tau means nothing
};
RankQuality rank_quality(std::span<const Candidate> measured, const Target& target, int folds = 5);

}  // namespace triage::compiler
