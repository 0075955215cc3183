#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "supernet/buffers.h"
#include "supernet/convolution.h"
#include "supernet/kernels/norm_act.h"
#include "supernet/ops/aten_layer.h"
#include "supernet/ops/layer_ops.h"

namespace triage::supernet {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// A convolution's output that is consumed at once stays in the cache when it is this small.
constexpr std::size_t kRangeBytes = 4 << 20;

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

template <class Body>
auto with_type(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kBFloat16) return body(bf16{});
  TORCH_CHECK(x.scalar_type() == at::kFloat, "expected bf16 or fp32 activations, found ", x.scalar_type());
  return body(float{});
}

template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

bool native_convolution(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16 && conv3x3_bf16_supported(); }

NormActShape shape_of(const at::Tensor& x, const at::Tensor& weight, bool pool) {
  return {static_cast<int>(x.size(0)), static_cast<int>(x.size(2)), static_cast<int>(x.size(3)),
          static_cast<int>(weight.size(0)), pool};
}

Conv3x3Shape convolution_of(const NormActShape& shape, int inputs) {
  return {shape.batch, shape.height, shape.width, inputs, shape.channels};
}

at::Tensor output_buffer(const NormActShape& shape, at::ScalarType type) {
  return channels_last_buffer(shape.batch, shape.channels, shape.out_height(), shape.out_width(), type);
}

// Calls body(shape of the range, first image) on ranges of images whose convolution output stays in the cache.
template <class Body>
void over_ranges(const NormActShape& shape, const Body& body) {
  const std::size_t image_bytes = shape.in_elements() / shape.batch * sizeof(bf16);
  const int fit = static_cast<int>(std::clamp<std::size_t>(kRangeBytes / image_bytes, 16, 1 << 20));
  const int ranges = (shape.batch + fit - 1) / fit;
  const int step = ((shape.batch + ranges - 1) / ranges + kGroupImages - 1) / kGroupImages * kGroupImages;
  for (int first = 0; first < shape.batch; first += step) {
    NormActShape part = shape;
    part.batch = std::min(step, shape.batch - first);
    body(part, first);
  }
}

struct Strides {  // elements per image
  std::size_t x, conv, z;
};
Strides strides_of(const NormActShape& shape, int inputs) {
  return {std::size_t(1) * shape.height * shape.width * inputs, shape.in_elements() / shape.batch,
          shape.out_elements() / shape.batch};
}

at::Tensor range_scratch(const NormActShape& shape) {
  std::size_t images = 0;
  over_ranges(shape, [&](const NormActShape& part, int) { images = std::max<std::size_t>(images, part.batch); });
  return byte_buffer(images * (shape.in_elements() / shape.batch) * sizeof(bf16));
}

// 1 / sqrt(variance + epsilon), in double.
at::Tensor rstd_of(const at::Tensor& variance, double epsilon) {
  at::Tensor rstd = at::empty_like(variance);
  const float* const v = variance.const_data_ptr<float>();
  float* const r = rstd.mutable_data_ptr<float>();
  for (std::int64_t c = 0; c < variance.numel(); ++c) r[c] = static_cast<float>(1 / std::sqrt(v[c] + epsilon));
  return rstd;
}

class TrainLayer : public Function<TrainLayer> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& images, const at::Tensor& weight,
                               const at::Tensor& bias, bool pool, double epsilon, bool identity) {
    const at::Tensor x = channels_last(images);
    const NormActShape shape = shape_of(x, weight, pool);
    at::Tensor z = output_buffer(shape, x.scalar_type()), argmax;
    if (pool)
      argmax = channels_last_buffer(shape.batch, shape.channels, shape.out_height(), shape.out_width(), at::kByte);
    const at::Tensor partial = at::empty({std::int64_t(shape.partial_floats())}, at::kFloat);
    at::Tensor mean = at::empty({shape.channels}, at::kFloat), variance = at::empty_like(mean);
    float* const sums = data<float>(partial);
    if (native_convolution(x)) {
      const Strides stride = strides_of(shape, x.size(1));
      const at::Tensor scratch = pool ? range_scratch(shape) : at::Tensor();
      over_ranges(shape, [&](const NormActShape& part, int first) {
        bf16* const conv = pool ? data<bf16>(scratch) : data<bf16>(z) + first * stride.z;
        convolution_forward(convolution_of(part, x.size(1)), data<bf16>(x) + first * stride.x, data<float>(weight),
                            conv);
        norm_statistics(part, conv, data<bf16>(z) + first * stride.z,
                        pool ? data<std::uint8_t>(argmax) + first * stride.z : nullptr,
                        sums + std::size_t(2) * (first / kGroupImages) * shape.channels);
      });
    } else {
      const at::Tensor conv = channels_last(convolve(x, weight));
      if (!pool) z = conv;
      with_type(x, [&]<class T>(T) {
        norm_statistics(shape, data<T>(conv), data<T>(z), pool ? data<std::uint8_t>(argmax) : nullptr, sums);
      });
    }
    combine_statistics(shape, sums, data<float>(mean), data<float>(variance));
    const at::Tensor rstd = rstd_of(variance, epsilon);
    const at::Tensor y = output_buffer(shape, x.scalar_type());
    const Norm norm{data<float>(mean), data<float>(rstd), data<float>(bias)};
    with_type(x, [&]<class T>(T) {
      const Identity<T> beside = identity ? Identity<T>{data<T>(x), int(x.size(1))} : Identity<T>{};
      norm_relu(shape, data<T>(z), norm, data<T>(y), beside);
    });

    ctx->save_for_backward({x, weight, bias, z, argmax, mean, rstd, identity ? y : at::Tensor()});
    ctx->saved_data["pool"] = pool;
    ctx->mark_non_differentiable({mean, variance});
    ctx->set_materialize_grads(false);
    return {y, mean, variance};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    variable_list result(6);
    if (!gradients[0].defined()) return result;
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &z = saved[3], &argmax = saved[4],
                     &mean = saved[5], &rstd = saved[6], &y = saved[7];
    const bool identity = y.defined();
    const bool pool = ctx->saved_data["pool"].toBool();
    const bool needs_x = ctx->needs_input_grad(0), needs_weight = ctx->needs_input_grad(1);
    const NormActShape shape = shape_of(x, weight, pool);
    const std::uint8_t* const chosen = pool ? data<std::uint8_t>(argmax) : nullptr;
    at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    if (identity) {
      const at::Tensor masked = output_buffer(shape, x.scalar_type());
      with_type(x, [&]<class T>(T) { relu_backward(shape, data<T>(dy), data<T>(y), data<T>(masked)); });
      dy = masked;
    }
    const at::Tensor open = identity ? at::full_like(bias, INFINITY) : bias;
    const Norm norm{data<float>(mean), data<float>(rstd), data<float>(open)};

    const at::Tensor partial = at::empty({std::int64_t(shape.partial_floats())}, at::kFloat);
    const at::Tensor sum_g = at::empty({shape.channels}, at::kFloat), sum_gz = at::empty_like(sum_g);
    with_type(x, [&]<class T>(T) { norm_backward_sums(shape, data<T>(dy), data<T>(z), norm, data<float>(partial)); });
    combine_sums(shape, data<float>(partial), data<float>(sum_g), data<float>(sum_gz));
    result[2] = sum_g;
    if (!needs_x && !needs_weight) return result;

    const at::Tensor mean_g = sum_g / shape.count(), mean_gz = sum_gz / shape.count();
    if (!native_convolution(x)) {
      const at::Tensor dconv =
          channels_last_buffer(shape.batch, shape.channels, shape.height, shape.width, x.scalar_type());
      with_type(x, [&]<class T>(T) {
        norm_backward_input(shape, data<T>(dy), data<T>(z), chosen, norm, data<float>(mean_g), data<float>(mean_gz),
                            data<T>(dconv));
      });
      auto [dx, dweight, dbias] =
          at::convolution_backward(dconv, x, weight.to(x.scalar_type()), std::nullopt, {1, 1}, {1, 1}, {1, 1}, false,
                                   {0, 0}, 1, {needs_x, needs_weight, false});
      if (needs_x && identity) add_identity(dx, dy, passed(weight));
      if (needs_x) result[0] = dx;
      if (needs_weight) result[1] = dweight.to(at::kFloat);
      return result;
    }

    const Strides stride = strides_of(shape, x.size(1));
    const at::Tensor scratch = range_scratch(shape);
    at::Tensor dx, dweight, dweight_range;
    if (needs_x) dx = channels_last_buffer(x.size(0), x.size(1), x.size(2), x.size(3), at::kBFloat16);
    if (needs_weight) dweight = at::empty(weight.sizes(), at::kFloat);
    over_ranges(shape, [&](const NormActShape& part, int first) {
      bf16* const dconv = data<bf16>(scratch);
      norm_backward_input(part, data<bf16>(dy) + first * stride.z, data<bf16>(z) + first * stride.z,
                          pool ? chosen + first * stride.z : nullptr, norm, data<float>(mean_g), data<float>(mean_gz),
                          dconv);
      const Conv3x3Shape convolution = convolution_of(part, x.size(1));
      if (needs_weight) {
        if (first > 0 && !dweight_range.defined()) dweight_range = at::empty_like(dweight);
        const at::Tensor& into = first > 0 ? dweight_range : dweight;
        convolution_backward_weights(convolution, data<bf16>(x) + first * stride.x, dconv, data<float>(into));
        if (first > 0) dweight += dweight_range;
      }
      if (!needs_x) return;
      bf16* const into = data<bf16>(dx) + first * stride.x;
      convolution_backward_data(convolution, dconv, data<float>(weight), into);
      if (identity) add_identity_gradient(part, data<bf16>(dy) + first * stride.z, int(x.size(1)), into);
    });
    result[0] = dx;
    result[1] = dweight;
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
                          double epsilon, bool identity) const override {
    const variable_list out = TrainLayer::apply(x, weight, bias, pool, epsilon, identity);
    return {out[0], out[1], out[2], shape_of(x, weight, pool).count()};
  }

  at::Tensor infer_layer(const at::Tensor& x, const at::Tensor& own_weight, const at::Tensor& bias,
                         const at::Tensor& mean, const at::Tensor& variance, bool pool, double epsilon,
                         bool identity) const override {
    if (needs_gradient({x, own_weight, bias}))
      return aten_ops().infer_layer(x, own_weight, bias, mean, variance, pool, epsilon, identity);
    const at::Tensor weight = identity ? fold_identity(own_weight, variance, epsilon) : own_weight;
    const at::Tensor input = channels_last(x), rstd = rstd_of(variance, epsilon);
    const NormActShape shape = shape_of(input, weight, pool);
    const at::Tensor y = output_buffer(shape, x.scalar_type());
    const Norm norm{data<float>(mean), data<float>(rstd), data<float>(bias)};
    if (!native_convolution(input)) {
      const at::Tensor conv = channels_last(convolve(input, weight));
      with_type(x, [&]<class T>(T) { norm_act_inference(shape, data<T>(conv), norm, data<T>(y)); });
      return y;
    }
    const Strides stride = strides_of(shape, input.size(1));
    const at::Tensor scratch = range_scratch(shape);
    over_ranges(shape, [&](const NormActShape& part, int first) {
      convolution_forward(convolution_of(part, input.size(1)), data<bf16>(input) + first * stride.x,
                          data<float>(weight), data<bf16>(scratch));
      norm_act_inference(part, data<bf16>(scratch), norm, data<bf16>(y) + first * stride.z);
    });
    return y;
  }

  at::Tensor global_max(const at::Tensor& x) const override { return GlobalMax::apply(x); }
};

}  // namespace

const LayerOps& cpu_ops() {
  static const CpuOps ops;
  return ops;
}

}  // namespace triage::supernet
