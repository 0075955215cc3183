// The parts of a batch, and which of them a process computes.
#pragma once

#include <vector>

#include "train/parallel/options.h"

namespace triage::train {

struct Share {
  int begin = 0, count = 0;  // images of the batch
  double weight = 1;         // of its mean loss in the batch's: count / batch
};

struct Shares {
  int total = 1;           // of the batch
  int first = 0;           // the place of own.front() among them
  std::vector<Share> own;  // of this rank, in the order of the batch
  int begin() const { return own.front().begin; }
  int count() const { return own.back().begin + own.back().count - begin(); }
};

// Sizes differ by one image at most. Throws Error, naming `stage`, where the batch is too small or the processes do not
// divide the shares.
Shares shares_of(int batch, const ParallelOptions& options, int rank, int processes, const std::string& stage);

}  // namespace triage::train
