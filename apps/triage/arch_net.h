// Nets of all families by their graphs (family/lower.h), for `triage arch`.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "family/family.h"

namespace triage::cli {

// What the net is made of and costs, layer by layer.
Json describe_net(const family::ArchSpec& arch, const plan::InputShape& input, int classes);

// The net with random weights as an ONNX file.
void write_random_net(const family::ArchSpec& arch, const plan::InputShape& input, int classes, std::uint64_t seed,
                      const std::string& file);

}  // namespace triage::cli
