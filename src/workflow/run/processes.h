// Several processes that train a run together: copies of this program, or what something else started on many machines
// (train/parallel/launch.h). Rank 0 owns the run directory and says what there is to say; the others have their part in
// the training alone.
#pragma once

#include <functional>

#include "train/parallel/group.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// What must be the same on every rank before the first of them is trained.
Json claims_of(const Workspace& workspace);

// Starts the others where that is rank 0's to do, waits for all, and does `work` with workspace.group set: for the
// first rank all of a command, for the others the training. False: it failed, and rank 0 says why. Throws what `work`
// throws, after the others have been told.
bool work_together(Workspace& workspace, const train::Place& place, const std::function<void()>& work);

inline bool writes(const Workspace& workspace) { return workspace.group == nullptr || workspace.group->first(); }

// Rank 0 does `work`, whose files are there for all ranks then. Where it is stopped in it the others end, too.
void first_does(const Workspace& workspace, const std::function<void()>& work);

inline void make_imports_once(const Workspace& workspace) {
  first_does(workspace, [&] { make_imports(workspace); });
}

// While a run is trained by a group: this process's part of the machine's threads.
class TrainingThreads {
 public:
  explicit TrainingThreads(const Workspace& workspace);
  ~TrainingThreads();
  TrainingThreads(const TrainingThreads&) = delete;
  TrainingThreads& operator=(const TrainingThreads&) = delete;

 private:
  const Workspace& workspace_;
};

}  // namespace triage::workflow
