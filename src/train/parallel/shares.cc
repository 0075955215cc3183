#include "train/parallel/shares.h"

namespace triage::train {

Shares shares_of(int batch, const ParallelOptions& options, int rank, int processes, const std::string& stage) {
  Shares shares;
  shares.total = options.shares > 0 ? options.shares : processes;
  if (processes > batch)
    fail("stage '{}': processes: expected at most {}, one for each image of the batch, found {}", stage, batch,
         processes);
  if (shares.total > batch)
    fail("stage '{}': parallel.shares: expected at most {}, the images of the batch, found {}", stage, batch,
         shares.total);
  if (shares.total % processes != 0) {
    fail("stage '{}': parallel.shares: expected a multiple of the {} processes, found {}", stage, processes,
         shares.total);
  }
  if (options.synchronised && batch % processes != 0) {
    fail("stage '{}': parallel.statistics: synchronised needs a batch that is a multiple of the {} processes, found {}",
         stage, processes, batch);
  }
  const int each = shares.total / processes;
  shares.first = rank * each;
  const auto place = [&](int share) { return static_cast<int>(std::int64_t{batch} * share / shares.total); };
  for (int i = shares.first; i < shares.first + each; ++i) {
    const int count = place(i + 1) - place(i);
    shares.own.push_back({place(i), count, static_cast<double>(count) / batch});
  }
  return shares;
}

}  // namespace triage::train
