// Network: a SearchSpace as one trainable LibTorch module: the largest subnet's weights, of which every other subnet
// takes the first channels and layers. A space of one is an ordinary network.
//
// A layer is: 3x3 convolution (no bias), [2x2 max pool], batch norm (scale fixed to 1, learned bias), ReLU. The head is
// a global max pool and a linear layer with bias, its output times `head_scale`. The layers run on the
// operations of the images' device (ops/layer_ops.h).
// Parameters, gradients and statistics are fp32 always. Activations are channels last: bf16 or fp32.
// Methods, hyper-parameters and initialisation follow K. Jordan, "94% on CIFAR-10 in 3.29 Seconds" (2024).
// Not thread-safe; one forward/backward at a time, but in evaluation mode forward() may run in several threads. Same
// seed, same inputs: same bits, on one machine with as many threads; with kernels by rule (kernel_choice.h) for any
// number of threads.
#pragma once

#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

#include "plan/space.h"
#include "supernet/any_network.h"

namespace triage::supernet {

struct NetworkOptions {
  bool bf16 = true;          // activations; false: fp32
  int features_block = 0;    // the block whose output, averaged over space, is the router's early features
  bool freeze_stem = false;  // the first layer gets no gradient, and no backward pass is run for it
  double head_scale = 1.0 / 9;
  double momentum = 0.4;       // running = (1 - momentum) * running + momentum * batch
  double epsilon = 1e-5;       // added to the variance
  bool residual = false;       // every layer but the first of a block adds its input (RepVGG; folded when exported)
  std::vector<int> exits;      // blocks but the last, rising: behind each stands a head of its own
  double exit_gradient = 0.1;  // share of an exit's gradient that goes on into the layers before it
};

// A convolution with batch norm folded in: y = relu(max_pool_if(layer.pool, conv(x, weight) + bias)). fp32 on the CPU.
struct FoldedLayer {
  plan::ConvLayer layer;
  at::Tensor weight;  // [out, in, 3, 3]
  at::Tensor bias;    // [out]
};
struct FoldedHead {   // logits = max over space * weight^T + bias; head_scale is folded in
  at::Tensor weight;  // [classes, width]
  at::Tensor bias;    // [classes]
};

class NetworkImpl : public AnyNetworkImpl {
 public:
  // Initialised from `seed`: the first min(in, out) output channels of every convolution but the first are the
  // identity, the rest and the first convolution kaiming-uniform (PyTorch's default), biases 0. Throws Error for a bad
  // space, classes < 1, and a features_block or exit that does not exist.
  NetworkImpl(plan::SearchSpace space, plan::InputShape input, int classes, NetworkOptions options, std::uint64_t seed);

  // Makes the first convolution a whitening of 2x2 patches (whiten.h), measured on `images` ([N,C,H,W], some thousand
  // suffice): +- the top width/2 eigenvectors of their covariance, each over sqrt(eigenvalue + epsilon). With fewer
  // eigenvectors than width/2 the remaining channels stay as they are.
  void whiten_stem(const at::Tensor& images, double epsilon = 5e-4);

  // images: [N,C,H,W], channels last in memory, fp32 or bf16, on the module's device. In training mode batch statistics
  // are used and the running ones updated (also without grad mode); in evaluation mode the running ones are used.
  NetworkOutput forward(const at::Tensor& images, bool features = false) override;

  // The same for a subnet of the space, in training mode: batch statistics, and none are kept unless it is the largest
  // (and keep_statistics() does not say otherwise).
  NetworkOutput forward(const at::Tensor& images, const plan::ArchSpec& subnet, bool features = false);
  NetworkOutput forward(const at::Tensor& images, const family::ArchSpec& subnet, bool features = false) override;

  void keep_statistics(bool keep) override { keeps_statistics_ = keep; }

  // Many subnets in one pass, in training mode: image i is classified by subnet i / (N / subnets). No statistics are
  // kept. Every subnet costs what the largest costs, but no shape depends on which they are: what a GPU asks for.
  // channels: channels_of() them, on the images' device.
  NetworkOutput forward_groups(const at::Tensor& images, const at::Tensor& channels);
  at::Tensor channels_of(const std::vector<plan::ArchSpec>& subnets) const;  // [subnets, layers, widest] bool

  // The subnet as a network of its own, with copies of its slice of the weights; or the beginning of one that ends at
  // an exit, whose head becomes the last one. Its running statistics are the slice of the largest subnet's and do not
  // fit: recalibrate.
  std::shared_ptr<NetworkImpl> extract(const plan::ArchSpec& subnet) const;
  AnyNetwork cut(const family::ArchSpec& subnet) const override;
  AnyNetwork copy(bool bf16) const override;

  // Between begin and end, forward() in training mode gathers exact statistics over all images it sees instead of
  // moving averages (every batch is still normalised by its own); end() stores them as the running statistics. For use
  // after weight averaging. Throws Error when no batch was seen.
  void recalibrate_begin() override;
  void recalibrate_end() override;

  // The same with these batches, bit for bit; on the CPU side by side (each_batch.h). In training mode.
  void recalibrate(const std::vector<at::Tensor>& batches) override;

  std::vector<FoldedLayer> folded() const;
  FoldedHead folded_head(std::size_t blocks) const;  // behind so many blocks: an exit's, or the last one
  FoldedHead folded_head() const { return folded_head(arch_.blocks.size()); }

  // Everything that makes the network, running statistics included; the tensors share memory with the network.
  NamedTensors state() const override;
  void load_state(const NamedTensors& state,
                  const std::string& origin) override;  // in place; Error when it does not fit

  // What the optimiser moves, apart: convolution weights (without a frozen stem) and head weight; norm and head biases.
  NamedTensors trainable_weights() const override;
  NamedTensors trainable_biases() const override;

  const plan::SearchSpace& space() const { return space_; }
  const plan::ArchSpec& arch() const { return arch_; }  // the largest
  family::AnySpace any_space() const override { return space_; }
  const plan::InputShape& input() const override { return input_; }
  const plan::InputShape& seen() const override { return input_; }
  const NetworkOptions& options() const { return options_; }
  bool bf16() const override { return options_.bf16; }
  const std::vector<int>& exits() const override { return options_.exits; }
  const std::vector<plan::ConvLayer>& layers() const { return layers_; }
  int classes() const override { return classes_; }
  int feature_width() const { return arch_.blocks[options_.features_block].back(); }

 private:
  struct Layer {
    at::Tensor weight, bias;               // [out,in,3,3], [out]
    at::Tensor running_mean, running_var;  // [out]
    at::Tensor sum_mean, sum_second;       // [out] double, while recalibrating: sums over values
    double seen = 0;                       // values per channel in those sums
  };
  struct Head {
    at::Tensor weight, bias;  // [classes, width], [classes]
  };
  bool has_identity(const plan::ConvLayer& place) const { return options_.residual && place.index > 0; }
  Layer& layer_of(const plan::ConvLayer& place);
  struct Statistics {  // of a layer's batch
    at::Tensor mean, variance;
    double count = 0;
  };
  // gathered: what the largest subnet's statistics are added to, instead of to the layers.
  NetworkOutput run(const at::Tensor& images, const plan::ArchSpec& subnet, bool features,
                    std::vector<Statistics>* gathered);
  at::Tensor run_layer(const plan::ConvLayer& place, const at::Tensor& x, bool largest,
                       std::vector<Statistics>* gathered);
  at::Tensor run_head(const Head& head, const at::Tensor& pooled,
                      std::int64_t width) const;  // pooled: [N,width or more]
  at::Tensor passing_back(const at::Tensor& pooled) const;
  void check_images(const at::Tensor& images) const;
  std::string head_name(std::size_t index) const;     // "exit1", "head"
  std::size_t head_behind(std::size_t blocks) const;  // index into heads_; throws Error where there is none
  void update_statistics(Layer& layer, const Statistics& batch);

  plan::SearchSpace space_;
  plan::ArchSpec arch_;
  plan::InputShape input_;
  int classes_;
  NetworkOptions options_;
  std::vector<plan::ConvLayer> layers_;
  std::vector<std::size_t> first_layer_;  // per block: index into weights_
  std::vector<Layer> weights_;            // of the largest subnet
  std::vector<Head> heads_;               // of the exits, the last one's at the end
  bool recalibrating_ = false, keeps_statistics_ = true;
};
TORCH_MODULE(Network);

// The same network, where it is one of these; throws Error naming its space where it is of another family.
Network plain_network(const AnyNetwork& network);

}  // namespace triage::supernet
