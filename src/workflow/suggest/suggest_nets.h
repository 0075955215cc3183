// Which nets to begin with for images of some size: the presets, measured on this machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "plan/arch.h"

namespace triage::workflow {

struct SuggestRequest {
  plan::InputShape input;  // what the nets read
  int classes = 10;
  int threads = 1;       // of the engine
  double seconds = 0.5;  // timed runs of each net
  Context context;
};

struct SuggestedNet {
  std::string arch, note;
  std::int64_t macs = 0, parameters = 0;
  double latency_us = 0;  // median, one image at a time, ONNX Runtime
  bool stable = true;     // its windows agreed (measure::Measurement)
};

// By rising latency; timed in turns, with random weights. Throws Error, Interrupted.
std::vector<SuggestedNet> suggest_nets(const SuggestRequest& request);

// A plan of two of them. Which images go on, only training tells; this share is what the zoo's plans send on, roughly.
inline constexpr double kSentOn = 0.25;

struct SuggestedPair {
  std::size_t little = 0, big = 0;  // of the nets
  double mean_latency_us = 0;       // the little net's, and the big one's for kSentOn of the images
};

// The mean latency of a plan of the two; none: the little net is more than a third as slow as the big one, so that
// little is gained by asking it first, or the limit is not kept.
std::optional<double> pair_latency_us(const SuggestedNet& little, const SuggestedNet& big,
                                      std::optional<double> most_latency_us);

// The big net is the slowest with which some little one, at most a third as slow, keeps the limit; of those the
// slowest. Without a limit: the slowest net that there is. None: no two nets do.
std::optional<SuggestedPair> suggest_pair(std::span<const SuggestedNet> nets, std::optional<double> most_latency_us);

}  // namespace triage::workflow
