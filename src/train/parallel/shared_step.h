// The steps of a training whose batches are computed in shares (shares.h), by one process or several.
#pragma once

#include "train/parallel/gradient_buckets.h"
#include "train/parallel/shares.h"
#include "train/step.h"

namespace triage::train {

// Whether a job's steps are made so.
bool in_shares(const TrainJob& job);

// Every rank's session becomes rank 0's: weights, the optimiser's state, averages, what the teacher said, counters.
void hand_out(Group& group, Session& session);

class SharedSteps {
 public:
  // The job and the session must outlive this. Throws Error as shares_of().
  SharedSteps(const TrainJob& job, Session& session);

  const Shares& shares() const { return shares_; }
  const GradientBuckets& buckets() const { return buckets_; }

  // Gradients of the whole batch, of which this process is given its part, on every rank; results are those of the
  // batch.
  Learned learn(const data::Batch& mine, std::uint64_t epoch);

  // Whether some rank was asked to stop before that; the same on all of them.
  bool stop_requested() const { return stop_; }

 private:
  Learned learn_share(const data::Batch& mine, const Share& share, std::uint64_t epoch);
  void share_answers(const data::Batch& mine, std::uint64_t epoch);

  const TrainJob& job_;
  Session& session_;
  const Shares shares_;
  GradientBuckets buckets_;
  bool stop_ = false;
};

}  // namespace triage::train
