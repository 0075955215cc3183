#include "supernet/ops/cpu_train_layer.h"

#include <torch/csrc/autograd/custom_function.h>

#include "supernet/ops/cpu_ranges.h"
#include "supernet/ops/statistics_group.h"

namespace triage::supernet {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Scales as norms take them: the backward pass divides by them, so none is closer to 0 than this.
constexpr float kLeastScale = 1e-6f;

at::Tensor held_from_zero(const at::Tensor& scale) {
  at::Tensor held = at::empty(scale.sizes(), at::kFloat);
  const at::Tensor given = scale.contiguous();
  const float* const s = given.const_data_ptr<float>();
  float* const h = held.mutable_data_ptr<float>();
  for (std::int64_t c = 0; c < held.numel(); ++c) h[c] = std::copysign(std::max(std::abs(s[c]), kLeastScale), s[c]);
  return held;
}

// identity: what is added is x.
class TrainLayer : public Function<TrainLayer> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& images, const at::Tensor& given_weight,
                               const at::Tensor& bias, const std::optional<at::Tensor>& given_scale,
                               const std::optional<at::Tensor>& added, bool pool, double epsilon, bool identity,
                               bool relu, std::int64_t stride, std::int64_t groups) {
    const at::Tensor x = channels_last(images), weight = given_weight.contiguous();  // of a slice
    const at::Tensor scale = given_scale ? held_from_zero(*given_scale) : at::Tensor();
    const at::Tensor other = added ? channels_last(*added) : at::Tensor();
    const Convolution convolution{int(stride), int(groups)};
    const NormActShape shape = shape_of(x, weight, pool, convolution);
    at::Tensor z = output_buffer(shape, x.scalar_type()), argmax;
    if (pool)
      argmax = channels_last_buffer(shape.batch, shape.channels, shape.out_height(), shape.out_width(), at::kByte);
    const at::Tensor partial = at::empty({std::int64_t(shape.partial_floats())}, at::kFloat);
    at::Tensor mean = at::empty({shape.channels}, at::kFloat), variance = at::empty_like(mean);
    float* const sums = data<float>(partial);
    const ConvKernel kernel = chosen_kernel(x, weight, convolution, ConvPass::forward);
    const at::Tensor scratch = pool ? range_scratch(shape, x.scalar_type()) : at::Tensor();
    over_ranges(shape, [&](const NormActShape& part, int first) {
      const at::Tensor z_range = range_of(z, part, first);
      const at::Tensor into = pool ? range_of(scratch, part, 0) : z_range;
      const at::Tensor conv = convolution_forward(kernel, range_of(x, part, first), weight, convolution, into);
      if (!pool && !conv.is_same(into)) into.copy_(conv);
      with_type(x, [&]<class T>(T) {
        norm_statistics(part, data<T>(conv), data<T>(z_range),
                        pool ? data<std::uint8_t>(range_of(argmax, part, first)) : nullptr,
                        sums + std::size_t(2) * (first / kGroupImages) * shape.channels);
      });
    });
    combine_statistics(shape, sums, data<float>(mean), data<float>(variance));
    const double count = share_statistics(mean, variance, shape.count());
    const at::Tensor rstd = rstd_of(variance, epsilon);
    const at::Tensor y = output_buffer(shape, x.scalar_type());
    const at::Tensor gain = scale.defined() ? rstd * scale : rstd;
    const Norm norm{data<float>(mean), data<float>(gain), data<float>(bias), relu ? 0 : -INFINITY};
    const at::Tensor& passed = identity ? x : other;
    with_type(x, [&]<class T>(T) {
      const Identity<T> beside = passed.defined() ? Identity<T>{data<T>(passed), int(passed.size(1))} : Identity<T>{};
      norm_relu(shape, data<T>(z), norm, data<T>(y), beside);
    });

    const bool masked = relu && passed.defined();  // by y, not by z
    ctx->save_for_backward({x, weight, bias, z, argmax, mean, gain, masked ? y : at::Tensor(), scale});
    ctx->saved_data["pool"] = pool;
    ctx->saved_data["identity"] = identity;
    ctx->saved_data["relu"] = relu;
    ctx->saved_data["adds"] = other.defined();
    ctx->saved_data["count"] = count;
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["groups"] = groups;
    const at::Tensor values = at::scalar_tensor(count, at::kDouble);
    ctx->mark_non_differentiable({mean, variance, values});
    ctx->set_materialize_grads(false);
    return {y, mean, variance, values};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    variable_list result(11);
    if (!gradients[0].defined()) return result;
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &z = saved[3], &argmax = saved[4],
                     &mean = saved[5], &gain = saved[6], &y = saved[7], &scale = saved[8];
    const bool identity = ctx->saved_data["identity"].toBool(), pool = ctx->saved_data["pool"].toBool();
    const bool open = y.defined() || !ctx->saved_data["relu"].toBool();  // what comes passes, the ReLU's mask apart
    const bool needs_x = ctx->needs_input_grad(0), needs_weight = ctx->needs_input_grad(1);
    const Convolution convolution{int(ctx->saved_data["stride"].toInt()), int(ctx->saved_data["groups"].toInt())};
    const NormActShape shape = shape_of(x, weight, pool, convolution);
    at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    if (y.defined()) {
      const at::Tensor masked = output_buffer(shape, x.scalar_type());
      with_type(x, [&]<class T>(T) { relu_backward(shape, data<T>(dy), data<T>(y), data<T>(masked)); });
      dy = masked;
    }
    if (ctx->saved_data["adds"].toBool()) result[4] = dy;
    const at::Tensor passing = open ? at::full_like(bias, INFINITY) : bias;
    const Norm norm{data<float>(mean), data<float>(gain), data<float>(passing)};

    const at::Tensor partial = at::empty({std::int64_t(shape.partial_floats())}, at::kFloat);
    at::Tensor sum_g = at::empty({shape.channels}, at::kFloat), sum_gz = at::empty_like(sum_g);
    with_type(x, [&]<class T>(T) { norm_backward_sums(shape, data<T>(dy), data<T>(z), norm, data<float>(partial)); });
    combine_sums(shape, data<float>(partial), data<float>(sum_g), data<float>(sum_gz));
    result[2] = sum_g;
    if (scale.defined()) result[3] = sum_gz / scale;
    if (!needs_x && !needs_weight) return result;

    share_sums(sum_g, sum_gz);
    const double count = ctx->saved_data["count"].toDouble();
    const at::Tensor mean_g = sum_g / count;
    const at::Tensor mean_gz = scale.defined() ? sum_gz / (count * scale * scale) : sum_gz / count;
    const ConvKernel data_kernel = chosen_kernel(x, weight, convolution, ConvPass::backward_data);
    const ConvKernel weights_kernel = chosen_kernel(x, weight, convolution, ConvPass::backward_weights);
    const at::Tensor scratch = range_scratch(shape, x.scalar_type());
    at::Tensor dx, dweight, dweight_range;
    if (needs_x)
      dx = channels_last_buffer(int(x.size(0)), int(x.size(1)), int(x.size(2)), int(x.size(3)), x.scalar_type());
    if (needs_weight) dweight = at::empty(weight.sizes(), at::kFloat);
    over_ranges(shape, [&](const NormActShape& part, int first) {
      const at::Tensor dconv = range_of(scratch, part, 0), dy_range = range_of(dy, part, first);
      with_type(x, [&]<class T>(T) {
        norm_backward_input(part, data<T>(dy_range), data<T>(range_of(z, part, first)),
                            pool ? data<std::uint8_t>(range_of(argmax, part, first)) : nullptr, norm,
                            data<float>(mean_g), data<float>(mean_gz), data<T>(dconv));
      });
      if (needs_weight) {
        if (first > 0 && !dweight_range.defined()) dweight_range = at::empty_like(dweight);
        convolution_backward_weights(weights_kernel, range_of(x, part, first), dconv, convolution,
                                     first > 0 ? dweight_range : dweight);
        if (first > 0) dweight += dweight_range;
      }
      if (!needs_x) return;
      const at::Tensor dx_range = range_of(dx, part, first);
      convolution_backward_data(data_kernel, dconv, weight, convolution, dx_range);
      if (identity) {
        with_type(
            x, [&]<class T>(T) { add_identity_gradient(part, data<T>(dy_range), int(x.size(1)), data<T>(dx_range)); });
      }
    });
    result[0] = dx;
    result[1] = dweight;
    return result;
  }
};

}  // namespace

LayerOutput train_layer_on_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               const CpuLayer& layer) {
  const Convolution& convolution = layer.convolution;
  const variable_list out =
      TrainLayer::apply(x, weight, bias, layer.scale, layer.added, layer.pool, layer.epsilon, layer.identity,
                        layer.relu, std::int64_t(convolution.stride), std::int64_t(convolution.groups));
  return {out[0], out[1], out[2], out[3].item<double>()};
}

}  // namespace triage::supernet
