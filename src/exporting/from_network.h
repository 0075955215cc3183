// From LibTorch to a StageModel, and a trained network as an Engine for parity checks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporting/parity.h"
#include "exporting/stage_model.h"
#include "supernet/network.h"

namespace triage::exporting {

struct StageOptions {
  std::string name = "stage";
  std::vector<std::string> classes;  // as many as the network has
  std::vector<float> mean, stddev;   // per channel, of values in [0, 1]: what the network was trained with
  int first_block = 0;               // the stage is the blocks [first_block, last_block) ...
  int last_block = -1;               // ... and the head behind them, which must be an exit's; -1: to the end
  bool carry = false;                // hands its last map to a later stage
  bool features = true;              // a "features" output, where the stage has the network's own features_block
  std::optional<plan::Exit> exit;    // a "score" output; needs `policy`
  plan::PolicyKind policy = plan::PolicyKind::learned;
};

// The network as it is in evaluation mode: running statistics folded into the convolutions, head_scale into the head.
// The numbers are copied. Throws Error when they are not finite or the options do not fit.
StageModel stage_from_network(const supernet::NetworkImpl& network, const StageOptions& options);

// A network of any family in fp32 on the CPU, evaluation mode, as an engine with the outputs "logits", of the head
// behind `blocks` blocks or sections (0: the last one), and "features". It works on a copy of its own, so `network`
// keeps its mode, precision and device. Not thread-safe.
Engine network_engine(const supernet::AnyNetworkImpl& network, const std::vector<float>& mean,
                      const std::vector<float>& stddev, std::size_t blocks = 0);

}  // namespace triage::exporting
