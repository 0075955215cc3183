#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "supernet/ops/cpu_ranges.h"
#include "supernet/ops/cpu_train_layer.h"
#include "supernet/ops/layer_ops.h"

namespace triage::supernet {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Of bf16 images.
class ConvolutionAlone : public Function<ConvolutionAlone> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& images, const at::Tensor& weights,
                            std::int64_t stride, std::int64_t groups) {
    const at::Tensor x = channels_last(images), weight = weights.contiguous();
    const Convolution convolution{int(stride), int(groups)};
    const at::Tensor into = output_buffer(shape_of(x, weight, false, convolution), x.scalar_type());
    ctx->save_for_backward({x, weight});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["groups"] = groups;
    const ConvKernel kernel = chosen_kernel(x, weight, convolution, ConvPass::forward);
    return convolution_forward(kernel, x, weight, convolution, into);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    variable_list result(4);
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const Convolution convolution{int(ctx->saved_data["stride"].toInt()), int(ctx->saved_data["groups"].toInt())};
    const at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    if (ctx->needs_input_grad(0)) {
      result[0] = channels_last_buffer(int(x.size(0)), int(x.size(1)), int(x.size(2)), int(x.size(3)), x.scalar_type());
      const ConvKernel kernel = chosen_kernel(x, weight, convolution, ConvPass::backward_data);
      convolution_backward_data(kernel, dy, weight, convolution, result[0]);
    }
    if (ctx->needs_input_grad(1)) {
      result[1] = at::empty(weight.sizes(), at::kFloat);
      const ConvKernel kernel = chosen_kernel(x, weight, convolution, ConvPass::backward_weights);
      convolution_backward_weights(kernel, x, dy, convolution, result[1]);
    }
    return result;
  }
};

class GlobalMax : public Function<GlobalMax> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input) {
    const at::Tensor x = channels_last(input);
    const int batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    at::Tensor y = at::empty({batch, channels}, at::kFloat), argmax = at::empty({batch, channels}, at::kInt);
    with_type(x, [&]<class T>(T) {
      supernet::global_max(batch, pixels, channels, data<T>(x), data<float>(y), data<std::int32_t>(argmax));
    });
    ctx->save_for_backward({argmax});
    ctx->saved_data["sizes"] = x.sizes();
    ctx->saved_data["type"] = x.scalar_type();
    return y;
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const std::vector<std::int64_t> sizes = ctx->saved_data["sizes"].toIntVector();
    const at::Tensor argmax = ctx->get_saved_variables()[0], dy = gradients[0].contiguous();
    at::Tensor dx =
        channels_last_buffer(sizes[0], sizes[1], sizes[2], sizes[3], ctx->saved_data["type"].toScalarType());
    with_type(dx, [&]<class T>(T) {
      global_max_backward(sizes[0], sizes[2] * sizes[3], sizes[1], data<float>(dy), data<std::int32_t>(argmax),
                          data<T>(dx));
    });
    return {dx};
  }
};

bool needs_gradient(std::initializer_list<at::Tensor> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

class CpuOps : public LayerOps {
 public:
  LayerOutput train_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool pool,
                          double epsilon, bool identity, const Convolution& convolution) const override {
    return train_layer_on_cpu(x, weight, bias,
                              {.pool = pool, .epsilon = epsilon, .identity = identity, .convolution = convolution});
  }

  LayerOutput train_scaled_layer(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                                 const at::Tensor& bias, const at::Tensor& other, bool relu, double epsilon,
                                 const Convolution& convolution) const override {
    if (x.scalar_type() == at::kDouble)
      return aten_ops().train_scaled_layer(x, weight, scale, bias, other, relu, epsilon, convolution);
    return train_layer_on_cpu(x, weight, bias,
                              {.scale = scale,
                               .added = other.defined() ? std::optional(other) : std::nullopt,
                               .epsilon = epsilon,
                               .relu = relu,
                               .convolution = convolution});
  }

  at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& own_weight, const at::Tensor& bias,
                         const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon, bool identity,
                         const Convolution& convolution) const override {
    if (needs_gradient({x, own_weight, bias}))
      return aten_ops().infer_layer(x, own_weight, bias, mean, variance, pool, epsilon, identity, convolution);
    const at::Tensor weight = identity ? fold_identity(own_weight, variance, epsilon) : own_weight.contiguous();
    const at::Tensor input = channels_last(x), rstd = rstd_of(variance, epsilon);
    const NormActShape shape = shape_of(input, weight, pool, convolution);
    const at::Tensor y = output_buffer(shape, x.scalar_type());
    const Norm norm{data<float>(mean), data<float>(rstd), data<float>(bias)};
    const ConvKernel kernel = chosen_kernel(input, weight, convolution, ConvPass::forward);
    const at::Tensor scratch = range_scratch(shape, x.scalar_type());
    over_ranges(shape, [&](const NormActShape& part, int first) {
      const at::Tensor conv =
          convolution_forward(kernel, range_of(input, part, first), weight, convolution, range_of(scratch, part, 0));
      with_type(x,
                [&]<class T>(T) { norm_act_inference(part, data<T>(conv), norm, data<T>(range_of(y, part, first))); });
    });
    return y;
  }

  at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution) const override {
    if (x.scalar_type() != at::kBFloat16) return convolve(x, weight, convolution);
    return ConvolutionAlone::apply(x, weight, std::int64_t(convolution.stride), std::int64_t(convolution.groups));
  }

  at::Tensor global_max(const at::Tensor& x) const override { return GlobalMax::apply(x); }
};

}  // namespace

const LayerOps& cpu_ops() {
  static const CpuOps ops;
  return ops;
}

}  // namespace triage::supernet
