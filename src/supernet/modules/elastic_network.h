// ElasticNetwork: a space of any family (family/family.h) as one trainable LibTorch module: the tensors of the largest
// subnet, of which every other takes slices. A space of one is an ordinary network. For the families residual and
// mbconv; plain has Network (network.h), with kernels of its own.
//
// Each convolution has a batch norm with learned scale and shift: layers of the device's LayerOps (ops/layer_ops.h) in
// training, with the sum and the ReLU behind them; ATen's operations elsewhere. Parameters and statistics are fp32,
// activations bf16 or the parameters' type. Images of another size than the net's (a subnet may have a resolution of
// its own) are resized first: bilinear with antialiasing, what the runtime does with pixels
// (preprocess::squashed_preprocess), but not rounded to 8 bits. Whoever evaluates a net hands it images of the size
// that it sees. Not thread-safe; one forward/backward at a time.
#pragma once

#include <torch/nn/pimpl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "supernet/any_network.h"

namespace triage::supernet {

struct ElasticOptions {
  bool bf16 = true;            // activations; false: as the parameters
  int features_section = 0;    // its map, averaged over space, is the router's early features
  double momentum = 0.1;       // running = (1 - momentum) * running + momentum * batch
  double epsilon = 1e-5;       // added to the variance
  std::vector<int> exits;      // sections but the last, rising: behind each stands a head of its own
  double exit_gradient = 0.1;  // share of an exit's gradient that goes on into the layers before it
};

class ElasticNetworkImpl : public AnyNetworkImpl {
 public:
  // Throws Error where classes, features_section or exits do not fit the space.
  ElasticNetworkImpl(const std::string& space, plan::InputShape input, int classes, ElasticOptions options,
                     std::uint64_t seed);

  // images: [N,C,H,W]. In training mode batch statistics are used and the running ones updated (also without grad
  // mode); in evaluation mode the running ones are used.
  NetworkOutput forward(const at::Tensor& images, bool features = false) override;
  // The same for a subnet of the space, in training mode; statistics are kept of the largest alone
  // (and where keep_statistics() does not say otherwise).
  NetworkOutput forward(const at::Tensor& images, const family::ArchSpec& subnet, bool features = false) override;

  // The subnet as a network of its own, with copies of its slices; or the beginning of one that ends at an exit, whose
  // head becomes the last one. Its running statistics are slices of the largest's and do not fit: recalibrate.
  std::shared_ptr<ElasticNetworkImpl> extract(const family::ArchSpec& subnet) const;
  AnyNetwork cut(const family::ArchSpec& subnet) const override { return extract(subnet); }
  AnyNetwork copy(bool bf16) const override;

  void keep_statistics(bool keep) override { keeps_statistics_ = keep; }

  // As Network's: exact statistics over all images that forward() sees between the two, instead of moving averages.
  void recalibrate_begin() override;
  void recalibrate_end() override;
  void recalibrate(const std::vector<at::Tensor>& batches) override;

  // By the names of family::weights_of(), batch norm folded in: what the largest exports. fp32 on the CPU, contiguous.
  std::map<std::string, at::Tensor> folded() const;

  NamedTensors state() const override;  // all that makes the network; shares its memory
  void load_state(const NamedTensors& state, const std::string& origin) override;
  NamedTensors trainable_weights() const override;  // of convolutions and linear layers: what weight decay is for
  NamedTensors trainable_biases() const override;   // scales, shifts and biases

  const family::Space& space() const { return *space_; }
  const family::ArchSpec& arch() const { return arch_; }  // the largest
  family::AnySpace any_space() const override { return space_; }
  const plan::InputShape& input() const override { return input_; }
  const plan::InputShape& seen() const override { return seen_; }
  const ElasticOptions& options() const { return options_; }
  bool bf16() const override { return options_.bf16; }
  const std::vector<int>& exits() const override { return options_.exits; }
  int classes() const override { return classes_; }

 private:
  struct Norm {                       // statistics of one convolution's output
    at::Tensor mean, variance;        // [out]
    at::Tensor sum_mean, sum_second;  // [out] double, while recalibrating
    double seen = 0;
  };
  void make_layer(const family::Layer& layer, std::uint64_t seed);
  void add_parameter(const std::string& name, at::Tensor value);
  at::Tensor slice(const std::string& name, const std::vector<std::int64_t>& dims) const;
  std::vector<at::Tensor> slices(const family::Layer& layer) const;  // in the order of weights_of()
  std::vector<family::Layer> all_layers() const;  // that any subnet has, each at its largest, with the exits' heads
  family::Layer exit_head(int section, int width) const;
  at::Tensor run(const family::Layer& layer, const at::Tensor& x, const at::Tensor& other, bool largest);
  // [activation](norm(convolution(x)) [+ other]): a layer, or one and the sum that alone reads it.
  at::Tensor convolve(const family::Layer& layer, const at::Tensor& x, const at::Tensor& other,
                      family::Activation activation, bool largest);
  at::Tensor squeeze_excite(const family::Layer& layer, const at::Tensor& x) const;
  at::Tensor linear(const family::Layer& layer, const at::Tensor& x) const;
  void update_statistics(Norm& norm, const at::Tensor& mean, const at::Tensor& variance, double count);
  std::size_t exits_before(
      std::size_t sections) const;  // of a net that ends behind so many; Error without an exit there

  family::AnySpace space_;
  family::ArchSpec arch_;
  plan::InputShape input_, seen_;
  int classes_;
  ElasticOptions options_;
  std::vector<std::string> order_;  // of tensors_, as they were made
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, Norm> norms_;  // by layer
  std::vector<std::string> norm_order_;
  bool recalibrating_ = false, keeps_statistics_ = true;
};
TORCH_MODULE(ElasticNetwork);

// The same network, where it is one of these; throws Error naming its space where it is plain.
ElasticNetwork elastic_network(const AnyNetwork& network);

}  // namespace triage::supernet
