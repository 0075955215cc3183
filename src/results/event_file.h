// TensorBoard's event files, as far as scalars go: records of TFRecord (length and content, each with a masked CRC32C),
// each an Event of tensorflow/core/util/event.proto, whose few fields are written by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace triage::results {

// Castagnoli's polynomial (RFC 3720, B.4).
std::uint32_t crc32c(std::string_view bytes);

// The record that an event file begins with. wall_time: seconds since 1970, as below.
std::string event_file_begin(double wall_time);

// A record with scalars of one step.
std::string scalar_event(double wall_time, std::int64_t step,
                         const std::vector<std::pair<std::string, double>>& scalars);

}  // namespace triage::results
