// Checkpoints: named tensors plus a JSON header in one file, written atomically and checked by SHA-256 when read.
// A file of another run (other architecture, options, data or seed) is refused with both sides named.
#pragma once

#include "core/json.h"
#include "train/files/pickle.h"

namespace triage::train {

struct Checkpoint {
  Json identity = Json::object();  // what must agree for a resume: architecture, options, data checksum, seed, ...
  Json state = Json::object();     // step, counters
  Tensors tensors;                 // copied when saved; any dtype and device
};

inline constexpr int kCheckpointVersion = 1;
void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint);
// `identity` is what the caller would write now; a difference is an Error naming the first field that differs, but for
// devices.
Checkpoint load_checkpoint(const fs::path& file, const Json& identity);

// The first place where two headers differ, as "train.lr: expected 0.6, found 0.5"; empty when they agree.
std::string difference(const Json& expected, const Json& found, const std::string& place = "");
// What two trainings must have alike: a run may go on on another device, whose answers agree but for rounding. Without
// its own "device" and those of its teachers.
Json without_device(Json identity);

}  // namespace triage::train
