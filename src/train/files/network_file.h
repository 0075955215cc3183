// NAME.pt: a trained network in one file, for this program and for people: a pickled dict that Python's torch.load
// reads, of the network's tensors by name (Network::state) and, under "about", a JSON text with what is needed to use
// them: the space (of any family), input, classes, exits, normalisation, and the identity of the training.
#pragma once

#include "data/loader.h"
#include "supernet/network.h"
#include "train/files/checkpoint.h"
#include "train/options.h"

namespace triage::train {

// What stands beside the tensors.
struct NetworkAbout {
  std::vector<std::string> classes;
  data::Normalization normalization;
  Json identity;  // of its training (trainer.h); null when unknown
};

template <class Network>
struct NetworkFileOf : NetworkAbout {
  Network network;     // in inference mode, on the CPU
  std::string sha256;  // of the file
};
using NetworkFile = NetworkFileOf<supernet::Network>;
using AnyNetworkFile = NetworkFileOf<supernet::AnyNetwork>;

enum class WeightStorage { fp32, bf16 };  // of convolution and head weights; biases and statistics stay fp32

// `state`: of `network`, or copies of it. Atomic.
void save_network(const fs::path& file, const supernet::AnyNetworkImpl& network, const supernet::NamedTensors& state,
                  const NetworkAbout& about, WeightStorage storage = WeightStorage::fp32);

// Throws Error for a file of another kind, and where tensors do not fit the space that the file names.
AnyNetworkFile load_any_network(const fs::path& file, ComputeType precision);
NetworkFile load_network(const fs::path& file, ComputeType precision);  // one of another family than plain is refused

}  // namespace triage::train
