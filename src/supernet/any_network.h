// AnyNetwork: what training needs of a network, whatever its family: Network (network.h) of the family plain,
// ElasticNetwork (modules/elastic_network.h) of the others. What the functions mean is said there.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "family/any_space.h"
#include "supernet/named_tensors.h"

namespace triage::supernet {

struct NetworkOutput {
  at::Tensor logits;              // [N, classes] fp32
  at::Tensor features;            // [N, width of the map that routers see] fp32; undefined unless asked for
  std::vector<at::Tensor> exits;  // [N, classes] fp32, one for each exit before the last
};

class AnyNetworkImpl : public torch::nn::Module {
 public:
  virtual NetworkOutput forward(const at::Tensor& images, bool features = false) = 0;
  virtual NetworkOutput forward(const at::Tensor& images, const family::ArchSpec& subnet, bool features = false) = 0;
  virtual std::shared_ptr<AnyNetworkImpl> cut(const family::ArchSpec& subnet) const = 0;  // extract()

  virtual std::shared_ptr<AnyNetworkImpl> copy(bool bf16) const = 0;  // on the CPU, with activations so

  virtual void keep_statistics(bool keep) = 0;
  virtual void recalibrate_begin() = 0;
  virtual void recalibrate_end() = 0;
  virtual void recalibrate(const std::vector<at::Tensor>& batches) = 0;  // both, with these

  virtual NamedTensors state() const = 0;
  virtual void load_state(const NamedTensors& state, const std::string& origin) = 0;
  virtual NamedTensors trainable_weights() const = 0;
  virtual NamedTensors trainable_biases() const = 0;

  virtual family::AnySpace any_space() const = 0;
  virtual const plan::InputShape& input() const = 0;  // images of its data set
  virtual const plan::InputShape& seen() const = 0;   // what the largest makes of them first: they have another size
                                                      // where it has a resolution of its own
  virtual int classes() const = 0;
  virtual bool bf16() const = 0;  // activations
  virtual const std::vector<int>& exits() const = 0;

  at::Device device() const { return state().front().tensor.device(); }
};
using AnyNetwork = std::shared_ptr<AnyNetworkImpl>;

}  // namespace triage::supernet
