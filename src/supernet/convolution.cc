#include "supernet/convolution.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <format>
#include <limits>

#include "core/system/cpu.h"
#include "core/warning.h"
#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/depthwise.h"
#include "supernet/tensor_data.h"
#include "supernet/tensor_memory.h"

namespace triage::supernet {
namespace {

Conv3x3Shape shape_3x3(const at::Tensor& x, const at::Tensor& y) {
  return {int(x.size(0)), int(x.size(2)), int(x.size(3)), int(x.size(1)), int(y.size(1))};
}

DepthwiseShape depthwise_shape(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution) {
  return {int(x.size(0)), int(x.size(2)), int(x.size(3)), int(x.size(1)), int(weight.size(2)), convolution.stride};
}

// oneDNN (3.7) gets 1x1 layers with strides wrong on odd maps, in fp32 as well: they are 1x1 layers of every stride-th
// pixel.
bool skips_pixels(const at::Tensor& weight, const Convolution& convolution) {
  return weight.size(2) == 1 && convolution.stride > 1;
}

at::Tensor pixels_of(const at::Tensor& x, const Convolution& convolution) {
  const std::int64_t stride = convolution.stride;
  return x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
}

bool atens(ConvKernel kernel) { return kernel == ConvKernel::aten || kernel == ConvKernel::aten_fp32; }

at::Tensor in_type_of(ConvKernel kernel, const at::Tensor& x) {
  return kernel == ConvKernel::aten_fp32 ? x.to(at::kFloat) : x;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> aten_backward(ConvKernel kernel, const at::Tensor& dy,
                                                             const at::Tensor& x, const at::Tensor& weight,
                                                             const Convolution& convolution, bool needs_x,
                                                             bool needs_weight) {
  const std::int64_t padding = weight.size(2) / 2, stride = convolution.stride;
  const at::Tensor typed = in_type_of(kernel, dy);
  return at::convolution_backward(typed, in_type_of(kernel, x), channels_last(weight.to(typed.scalar_type())),
                                  std::nullopt, {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0},
                                  convolution.groups, {needs_x, needs_weight, false});
}

// Times a kernel on a batch that training would have at a time, or as many of its images as make some milliseconds.
class Timer {
 public:
  double operator()(ConvKernel kernel, const ConvolutionShape& shape, ConvPass pass) {
    const at::NoGradGuard no_grad;
    if (std::string text = class_text(shape, pass); text != made_) {
      make(shape);
      expected_ = result_of(kernels_for(shape).front(), shape, pass).to(at::kFloat, false, true);
      made_ = std::move(text);
    }
    const auto start = std::chrono::steady_clock::now();
    at::Tensor found;
    try {
      found = result_of(kernel, shape, pass);
    } catch (const c10::Error&) {  // a library that cannot
      return std::numeric_limits<double>::infinity();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double off = (found.to(at::kFloat) - expected_).norm().item<double>();
    return off <= kWrong * expected_.norm().item<double>() ? seconds : std::numeric_limits<double>::infinity();
  }

 private:
  static constexpr double kWrong = 0.05;  // ten times what rounding does

  at::Tensor result_of(ConvKernel kernel, const ConvolutionShape& shape, ConvPass pass) const {
    const Convolution convolution{shape.stride, shape.groups};
    if (pass == ConvPass::forward) return convolution_forward(kernel, x_, weight_, convolution, y_);
    if (pass == ConvPass::backward_data) {
      convolution_backward_data(kernel, dy_, weight_, convolution, dx_);
      return dx_;
    }
    convolution_backward_weights(kernel, x_, dy_, convolution, dweight_);
    return dweight_;
  }
  void make(const ConvolutionShape& s) {
    constexpr double kFlops = 4e8, kElements = 2 << 20;
    const std::int64_t height = convolved(s.height, s.stride), width = convolved(s.width, s.stride);
    const double image = double(height) * double(width) * s.out_channels;
    const double flops = 2 * image * s.kernel * s.kernel * s.in_channels / s.groups;
    const int batch = 8 * int(std::clamp(std::min(kFlops / flops, kElements / image) / 8, 2.0, 64.0));
    at::Generator random = at::detail::createCPUGenerator(1);
    const auto filled = [&](const at::Tensor& t) {
      t.copy_(at::randn(t.sizes(), random, at::TensorOptions(at::kFloat)));
      return t;
    };
    const auto images = [&](int channels, std::int64_t h, std::int64_t w) {
      return channels_last_buffer(batch, channels, int(h), int(w), at::kBFloat16);
    };
    x_ = filled(images(s.in_channels, s.height, s.width));
    dy_ = filled(images(s.out_channels, height, width));
    dx_ = images(s.in_channels, s.height, s.width);
    y_ = images(s.out_channels, height, width);
    weight_ = filled(at::empty({s.out_channels, s.in_channels / s.groups, s.kernel, s.kernel}, at::kFloat));
    dweight_ = at::empty_like(weight_);
  }
  std::string made_;
  at::Tensor x_, y_, dx_, dy_, weight_, dweight_, expected_;
};

}  // namespace

std::int64_t convolved(std::int64_t side, int stride) { return (side + stride - 1) / stride; }

ConvolutionShape convolution_shape(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution) {
  return {int(x.size(0)),      int(x.size(2)),      int(x.size(3)),     int(x.size(1)),
          int(weight.size(0)), int(weight.size(2)), convolution.stride, convolution.groups};
}

ConvKernel chosen_kernel(const at::Tensor& x, const at::Tensor& weight, const Convolution& convolution, ConvPass pass) {
  const ConvolutionShape shape = convolution_shape(x, weight, convolution);
  if (x.scalar_type() != at::kBFloat16)
    return kernels_for(shape).front() == ConvKernel::depthwise ? ConvKernel::depthwise : ConvKernel::aten_fp32;
  const int threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  return kernel_choice().of(shape, pass, threads);
}

at::Tensor convolution_forward(ConvKernel kernel, const at::Tensor& x, const at::Tensor& weight,
                               const Convolution& convolution, const at::Tensor& into) {
  if (skips_pixels(weight, convolution)) {
    const at::Tensor pixels = channels_last(pixels_of(x, convolution));
    return convolution_forward(kernel, pixels, weight, {1, convolution.groups}, into);
  }
  if (kernel == ConvKernel::depthwise) {
    with_type(x, [&]<class T>(T) {
      depthwise_forward(depthwise_shape(x, weight, convolution), data<T>(x), data<float>(weight), data<T>(into));
    });
    return into;
  }
  if (atens(kernel)) {
    const std::int64_t padding = weight.size(2) / 2, stride = convolution.stride;
    const at::Tensor typed = in_type_of(kernel, x);
    if (padding == 0 && convolution.groups == 1 && typed.scalar_type() == at::kFloat)
      return channels_last(convolution_1x1(typed, weight).to(x.scalar_type()));
    const at::Tensor y = at::conv2d(typed, channels_last(weight.to(typed.scalar_type())), {}, {stride, stride},
                                    {padding, padding}, {1, 1}, convolution.groups);
    return channels_last(y.to(x.scalar_type()));
  }
  const auto run = kernel == ConvKernel::winograd ? conv3x3_winograd_forward : conv3x3_forward;
  run(shape_3x3(x, into), data<bf16>(x), data<float>(weight), data<bf16>(into));
  return into;
}

void convolution_backward_data(ConvKernel kernel, const at::Tensor& dy, const at::Tensor& weight,
                               const Convolution& convolution, const at::Tensor& dx) {
  if (skips_pixels(weight, convolution)) {
    const at::Tensor pixels = pixels_of(dx, convolution), dense = channels_last(at::empty_like(pixels));
    convolution_backward_data(kernel, dy, weight, {1, convolution.groups}, dense);
    dx.zero_();
    pixels.copy_(dense);
    return;
  }
  if (kernel == ConvKernel::depthwise) {
    with_type(dy, [&]<class T>(T) {
      depthwise_backward_data(depthwise_shape(dx, weight, convolution), data<T>(dy), data<float>(weight), data<T>(dx));
    });
    return;
  }
  if (atens(kernel)) {  // which asks its x for the shape alone
    dx.copy_(std::get<0>(aten_backward(kernel, dy, dx, weight, convolution, true, false)));
    return;
  }
  const auto run = kernel == ConvKernel::winograd ? conv3x3_winograd_backward_data : conv3x3_backward_data;
  run(shape_3x3(dx, dy), data<bf16>(dy), data<float>(weight), data<bf16>(dx));
}

void convolution_backward_weights(ConvKernel kernel, const at::Tensor& x, const at::Tensor& dy,
                                  const Convolution& convolution, const at::Tensor& dweight) {
  if (skips_pixels(dweight, convolution)) {
    const at::Tensor pixels = channels_last(pixels_of(x, convolution));
    convolution_backward_weights(kernel, pixels, dy, {1, convolution.groups}, dweight);
    return;
  }
  if (kernel == ConvKernel::depthwise) {
    with_type(x, [&]<class T>(T) {
      depthwise_backward_weights(depthwise_shape(x, dweight, convolution), data<T>(x), data<T>(dy),
                                 data<float>(dweight));
    });
    return;
  }
  if (atens(kernel)) {  // which asks the weights for the shape alone
    dweight.copy_(std::get<1>(aten_backward(kernel, dy, x, dweight, convolution, false, true)));
    return;
  }
  const auto run = kernel == ConvKernel::winograd ? conv3x3_winograd_backward_weights : conv3x3_backward_weights;
  run(shape_3x3(x, dy), data<bf16>(x), data<bf16>(dy), data<float>(dweight));
}

void remember_kernels(const fs::path& directory) {
  if (directory.empty()) {
    warn("no home directory: kernels of training are chosen by rule, not by their times");
    return;
  }
  const std::string machine = std::format("{}; {}; LibTorch {}", cpu_name(), cpu_kernel_flags(), TORCH_VERSION);
  kernel_choice().measure(directory / "kernels.json", machine, Timer());
}

at::Tensor convolution_1x1(const at::Tensor& x, const at::Tensor& weight) {
  const at::Tensor images = x.permute({0, 2, 3, 1}).contiguous(), matrix = weight.flatten(1);  // [N,H,W,C], [OC,C]
  const bool needs_gradient = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
  if (needs_gradient) return at::linear(images, matrix).permute({0, 3, 1, 2});
  // BLAS has one thread (train::set_up_cpu). Products of as many images whatever the number of threads: the same bits.
  constexpr std::int64_t kImages = 8;
  const std::int64_t count = images.size(0);
  const at::Tensor y = at::empty({count, images.size(1), images.size(2), matrix.size(0)}, x.options());
  at::parallel_for(0, (count + kImages - 1) / kImages, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * kImages, some = std::min(kImages, count - first);
      at::Tensor part = y.narrow(0, first, some).view({-1, matrix.size(0)});
      at::mm_out(part, images.narrow(0, first, some).view({-1, matrix.size(1)}), matrix.t());
    }
  });
  return y.permute({0, 3, 1, 2});
}

}  // namespace triage::supernet
