// How many threads a program is worth: more of them cost meetings, and not every net gives each enough to do.
#pragma once

#include <functional>
#include <vector>

namespace triage::engine {

// 1, 2, 4, ... and `most`.
std::vector<int> thread_counts(int most);

// Of thread_counts(most), the fewest that are as good as any: more are taken only where they save 5 % of a run.
// seconds_of(threads) makes a run and says how long it took. Every count is tried in turn, in 5 to 9 rounds (no more
// than 5 once they have taken 50 ms, 3 once they have taken 200 ms), and two counts are held against each other round
// by round: what disturbs a round disturbs both. Where it is 1 or less, nothing is run.
int choose_threads(int most, const std::function<double(int threads)>& seconds_of);

}  // namespace triage::engine
