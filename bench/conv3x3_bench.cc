// The bf16 3x3 convolutions against LibTorch's (oneDNN): GFLOP/s of each pass on the layers of our nets, and the share
// of this machine's vdpbf16ps peak. Both sides run interleaved in one process, the best of several rounds counts: other
// load on the machine then hits both alike.
// FLOPs are counted as usual, 18 * pixels * IC * OC. Direct kernels (oneDNN's too) skip the taps on the zero padding
// and Winograd does fewer products, so all can exceed 100 % of the peak. Usage: conv3x3_bench [batch [seconds for each
// layer and pass]]
#include <malloc.h>
#include <omp.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "supernet/kernels/conv3x3_bf16.h"

namespace {

using triage::supernet::bf16;
using triage::supernet::Conv3x3Shape;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// GFLOP/s of all threads together on independent register-only products.
double measured_peak() {
  constexpr long kLoops = 300000;
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    best = std::min(best, seconds_of([] {
#pragma omp parallel
                      {
                        long loops = kLoops;
                        asm volatile(
                            "1:\n"
                            ".irp r,0,1,2,3,4,5,6,7,8,9,10,11\n vdpbf16ps %%zmm14,%%zmm15,%%zmm\\r\n.endr\n"
                            "dec %0\n jnz 1b\n"
                            : "+r"(loops)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                              "xmm9", "xmm10", "xmm11", "xmm14", "xmm15");
                      }
                    }));
  }
  return 64.0 * 12 * kLoops * omp_get_max_threads() / best / 1e9;
}

struct Times {
  double direct = 1e9, winograd = 1e9, torch = 1e9;
};

Times measure(const std::function<void()>& direct, const std::function<void()>& winograd,
              const std::function<void()>& torch, double seconds) {
  Times best;
  double used = seconds_of(direct) + seconds_of(winograd) + seconds_of(torch);  // warm-up: workspaces, primitives
  for (int round = 0; round < 3 || used < seconds; ++round) {
    const double a = seconds_of(direct), b = seconds_of(winograd), c = seconds_of(torch);
    best = {std::min(best.direct, a), std::min(best.winograd, b), std::min(best.torch, c)};
    used += a + b + c;
  }
  return best;
}

bf16* data(const torch::Tensor& t) { return reinterpret_cast<bf16*>(t.data_ptr()); }

void bench_layer(Conv3x3Shape s, double peak, double seconds) {
  const auto channels_last = [&](int channels) {
    return torch::randn({s.batch, channels, s.height, s.width})
        .to(torch::kBFloat16)
        .contiguous(at::MemoryFormat::ChannelsLast);
  };
  const torch::Tensor x = channels_last(s.in_channels), dy = channels_last(s.out_channels);
  const torch::Tensor weight = torch::randn({s.out_channels, s.in_channels, 3, 3});
  const torch::Tensor torch_weight = weight.to(torch::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  const torch::Tensor y = torch::empty_like(dy), dx = torch::empty_like(x), dweight = torch::empty_like(weight);
  const auto torch_backward = [&](bool input, bool weights) {
    at::convolution_backward(dy, x, torch_weight, c10::nullopt, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1,
                             {input, weights, false});
  };
  const double flops = 18.0 * s.batch * s.height * s.width * s.in_channels * s.out_channels;
  const auto report = [&](const char* pass, const Times& t) {
    const auto percent = [&](double time) { return 100 * flops / time / 1e9 / peak; };
    std::printf("%4d->%-4d @%-3d %-8s %8.1f %4.0f %% x%-5.2f  %8.1f %4.0f %% x%-5.2f  %8.1f %4.0f %%\n", s.in_channels,
                s.out_channels, s.height, pass, flops / t.direct / 1e9, percent(t.direct), t.torch / t.direct,
                flops / t.winograd / 1e9, percent(t.winograd), t.torch / t.winograd, flops / t.torch / 1e9,
                percent(t.torch));
    std::fflush(stdout);
  };
  const float* const w = weight.data_ptr<float>();
  report("forward",
         measure([&] { conv3x3_forward(s, data(x), w, data(y)); },
                 [&] { conv3x3_winograd_forward(s, data(x), w, data(y)); },
                 [&] { at::convolution(x, torch_weight, {}, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1); }, seconds));
  if (s.in_channels >= 8) {  // nobody needs the gradient of the image
    report("data", measure([&] { conv3x3_backward_data(s, data(dy), w, data(dx)); },
                           [&] { conv3x3_winograd_backward_data(s, data(dy), w, data(dx)); },
                           [&] { torch_backward(true, false); }, seconds));
  }
  float* const dw = dweight.data_ptr<float>();
  report("weights", measure([&] { conv3x3_backward_weights(s, data(x), data(dy), dw); },
                            [&] { conv3x3_winograd_backward_weights(s, data(x), data(dy), dw); },
                            [&] { torch_backward(false, true); }, seconds));
}

}  // namespace

int main(int argc, char** argv) {
  if (!triage::supernet::conv3x3_bf16_supported()) {
    std::puts("this CPU has no AVX512-BF16");
    return 0;
  }
  // LibTorch allocates its results in each call: let malloc keep such memory, or page faults are what is measured.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const int batch = argc > 1 ? std::atoi(argv[1]) : 512;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0.4;
  const torch::NoGradGuard no_grad;
  const double peak = measured_peak();
  std::printf("batch %d, %d threads, vdpbf16ps peak %.1f GFLOP/s\n", batch, omp_get_max_threads(), peak);
  std::puts("layer          pass     direct: GFLOP/s, of peak, to torch   Winograd: the same      torch");
  for (const auto& [in, out, size] : {std::array{24, 64, 32},
                                      {64, 64, 16},
                                      {64, 192, 16},
                                      {192, 192, 8},
                                      {192, 256, 8},
                                      {256, 256, 4},
                                      {3, 24, 32},
                                      {16, 32, 32},
                                      {32, 32, 16},
                                      {32, 64, 16},
                                      {64, 64, 8},
                                      {64, 96, 8},
                                      {96, 96, 4}}) {
    bench_layer({batch, size, size, in, out}, peak, seconds);
  }
}
