// Runs a plan on one session per stage. Classifier is this plus files; tests hand in fake sessions.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/threads/pool.h"
#include "runtime/stage_set.h"
#include "triage/classifier.h"

namespace triage::runtime {

class Executor {
 public:
  static constexpr int kMaxRows = StageSet::kMaxRows;  // larger batches run in pieces of StageSet::max_rows()

  // As StageSet.
  Executor(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
           std::span<const double> thresholds = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Throws Failure (bad_input) naming images[index]: what the plan does not take.
  void check(const ImageView& image, std::size_t index) const { stages_.inputs().check(image, "images", index); }

  // As Classifier::classify.
  Status classify(std::span<const ImageView> images, std::span<Outcome> outcomes, const Details& details = {}) const;

  // A piece of a call: images that check() has passed. Counts images and exits; the caller counts the call. Throws
  // Failure.
  void run(std::span<const ImageView> images, const ThresholdSet& thresholds, std::span<Outcome> outcomes,
           const Details& details) const;
  void count_call(double microseconds) const;
  void count_error() const { errors_.fetch_add(1, std::memory_order_relaxed); }

  // Throws Failure (bad_input): buffers of another size than so many images need.
  void check(std::size_t images, std::span<const Outcome> outcomes, const Details& details) const;

  ClassifierStatistics statistics() const;
  LiveThresholds& thresholds() { return stages_.thresholds(); }
  const LiveThresholds& thresholds() const { return stages_.thresholds(); }
  const plan::Plan& plan() const { return stages_.plan(); }

 private:
  struct Workspace;  // the buffers of one call
  class Lease;

  void prepare(Workspace& space, int input, std::span<const ImageView> images, int n) const;
  void run_pieces(Workspace& space, std::span<const ImageView> images, const ThresholdSet& thresholds,
                  std::span<Outcome> outcomes, const Details& details) const;
  void run_rows(Workspace& space, std::span<const ImageView> images, const ThresholdSet& thresholds,
                std::span<Outcome> outcomes, const Details& details) const;

  StageSet stages_;
  mutable std::atomic<std::uint64_t> errors_{0};
  std::unique_ptr<engine::Pool<Workspace>> pool_;
};

}  // namespace triage::runtime
