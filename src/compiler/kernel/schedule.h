// Schedule: how a kernel computes what its key says, and the space of schedules that tuning searches.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/kernel/kernel_key.h"
#include "compiler/target.h"
#include "core/rng.h"

namespace triage::compiler {

enum class Algorithm { direct, winograd2, winograd4, automatic };  // F(2x2, 3x3), F(4x4, 3x3); Halide's autoscheduler
enum class LoopOrder { channels_outside, pixels_outside };         // which of the output's loops is the outer one
enum class Share { rows, channels };                               // what threads share out of an output

// A tile of the output is summed in registers: `vectors` vectors of kLanes channels for `columns` times `rows` pixels
// (Winograd: of tiles in a row; rows is 1).
struct Schedule {
  Algorithm algorithm = Algorithm::direct;
  int vectors = 1, columns = 4, rows = 1;
  int unroll = 1;  // groups of input channels summed per trip of the innermost loop
  LoopOrder order = LoopOrder::channels_outside;
  Share share = Share::rows;

  std::string text() const;  // "direct 2x4x1 unroll 1 channels outside", then ", channels shared" where they are
  static Schedule parse(std::string_view text);  // throws Error
  auto operator<=>(const Schedule&) const = default;
};

// What a kernel computes at a time of the output's shared dimension, before a pool: threads share such units out. Rows
// of a tile; channels that lie on whole cache lines, which no two threads then write. An automatic schedule is made for
// the whole map.
int unit_of_share(const KernelKey& key, const Schedule& schedule);

// The most that one of the key's threads computes.
struct KernelShare {
  int rows = 0, channels = 0;  // of the convolution; channels as they are stored
};
KernelShare largest_share(const KernelKey& key, const Schedule& schedule);

// Whether the kernel can be made so: tiles fit the map, Winograd is for fp32 and for whole tiles.
bool allowed(const KernelKey& key, const Schedule& schedule);

Schedule default_schedule(const KernelKey& key, const Target& target);  // good without a search; always allowed
std::vector<Schedule> all_schedules(const KernelKey& key, const Target& target);  // the allowed ones; hundreds

// What a learned cost model sees: logarithms of sizes, loads and stores and registers per multiply-add.
std::vector<double> features(const KernelKey& key, const Schedule& schedule, const Target& target);

}  // namespace triage::compiler
