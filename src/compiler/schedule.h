// Schedule: how a kernel computes what its key says, and the space of schedules that tuning searches.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/kernel_key.h"
#include "compiler/target.h"
#include "core/rng.h"

namespace triage::compiler {

enum class Algorithm { direct, winograd2, winograd4, automatic };  // F(2x2, 3x3), F(4x4, 3x3); Halide's autoscheduler
enum class LoopOrder { channels_outside, pixels_outside };         // which of the output's loops is the outer one

// A tile of the output is summed in registers: `vectors` vectors of kLanes channels for `columns` times `rows` pixels
// (Winograd: of tiles in a row; rows is 1).
struct Schedule {
  Algorithm algorithm = Algorithm::direct;
  int vectors = 1, columns = 4, rows = 1;
  int unroll = 1;  // groups of input channels summed per trip of the innermost loop
  LoopOrder order = LoopOrder::channels_outside;

  std::string text() const;                      // "direct 2x4x1 unroll 1 channels outside"
  static Schedule parse(std::string_view text);  // throws Error
  auto operator<=>(const Schedule&) const = default;
};

// Rows of the convolution that a kernel computes at a time: threads that share a map share these out. An automatic
// schedule is made for the whole map.
int rows_at_once(const KernelKey& key, const Schedule& schedule);

// Whether the kernel can be made so: tiles fit the map, Winograd is for fp32 and for whole tiles.
bool allowed(const KernelKey& key, const Schedule& schedule);

Schedule default_schedule(const KernelKey& key, const Target& target);  // good without a search; always allowed
std::vector<Schedule> all_schedules(const KernelKey& key, const Target& target);  // the allowed ones; hundreds

// What a learned cost model sees: logarithms of sizes, loads and stores and registers per multiply-add.
std::vector<double> features(const KernelKey& key, const Schedule& schedule, const Target& target);

}  // namespace triage::compiler
