// The depthwise convolutions in bf16 against LibTorch's (oneDNN), pass by pass, on layers of mbconv nets: microseconds
// of a batch, the share of what this machine's cores can multiply and add in fp32, and how many times as fast as the
// faster of LibTorch's two ways, bf16 as it is and widened to fp32. All in turns in one process, the best of several
// rounds counts. --record results/families.json keeps the largest of those ratios and their mean (geometric).
#include <malloc.h>
#include <omp.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>

#include "bench/bench_main.h"
#include "core/clock.h"
#include "core/system/machine.h"
#include "supernet/kernels/depthwise.h"
#include "supernet/tensor_data.h"
#include "train/trainer.h"

namespace {

using namespace triage;
using namespace triage::supernet;

double seconds_of(const std::function<void()>& work) {
  const double start = steady_seconds();
  work();
  return seconds_since(start);
}

// Multiply-adds a second in fp32 that LibTorch's matrix product reaches on a core, times the threads: a depthwise layer
// can do no more.
double measured_peak(int threads) {  // BLAS has one thread
  constexpr std::int64_t kSide = 1024;
  torch::Tensor a = torch::randn({kSide, kSide}), b = torch::randn({kSide, kSide}), c = torch::empty_like(a);
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 10; ++round) best = std::min(best, seconds_of([&] { at::mm_out(c, a, b); }));
  return threads * double(kSide) * kSide * kSide / best;
}

struct Gains {
  double most = 0, logs = 0;
  int count = 0;
  void add(double ratio) {
    most = std::max(most, ratio);
    logs += std::log(ratio);
    ++count;
  }
};

void bench_layer(const DepthwiseShape& s, double peak, double seconds, Gains& gains) {
  const auto images = [&](int height, int width) {
    return channels_last(torch::randn({s.batch, s.channels, height, width}).to(torch::kBFloat16));
  };
  const torch::Tensor x = images(s.height, s.width), dy = images(s.out_height(), s.out_width());
  const torch::Tensor weight = torch::randn({s.channels, 1, s.kernel, s.kernel});
  const torch::Tensor y = torch::empty_like(dy), dx = torch::empty_like(x), dweight = torch::empty_like(weight);
  const std::int64_t padding = s.kernel / 2, stride = s.stride;
  const auto forward = [&](at::ScalarType type) {
    at::conv2d(x.to(type), weight.to(type), {}, {stride, stride}, {padding, padding}, {1, 1}, s.channels)
        .to(at::kBFloat16);
  };
  const auto backward = [&](at::ScalarType type, bool to_images) {
    const auto found =
        at::convolution_backward(dy.to(type), x.to(type), weight.to(type), c10::nullopt, {stride, stride},
                                 {padding, padding}, {1, 1}, false, {0, 0}, s.channels, {to_images, !to_images, false});
    to_images ? std::get<0>(found).to(at::kBFloat16) : std::get<1>(found).to(at::kFloat);
  };
  const auto compare = [&](const char* pass, const std::function<void()>& ours,
                           const std::function<void(at::ScalarType)>& torch) {
    double best[3];
    std::ranges::fill(best, std::numeric_limits<double>::infinity());
    const std::function<void()> work[] = {ours, [&] { torch(at::kBFloat16); }, [&] { torch(at::kFloat); }};
    double used = 0;
    for (int round = 0; round < 4 || used < seconds; ++round) {
      for (int i = 0; i < 3; ++i) {
        const double taken = seconds_of(work[i]);
        if (round > 0) best[i] = std::min(best[i], taken);  // the first makes what later ones find
        used += taken;
      }
    }
    const double macs = double(s.out_elements()) * s.kernel * s.kernel, ratio = std::min(best[1], best[2]) / best[0];
    gains.add(ratio);
    std::printf("%dx%d %4d @%-3d /%d %-8s %9.0f %5.0f %%  %9.0f %9.0f   x%.2f\n", s.kernel, s.kernel, s.channels,
                s.height, s.stride, pass, best[0] * 1e6, 100 * macs / best[0] / peak, best[1] * 1e6, best[2] * 1e6,
                ratio);
    std::fflush(stdout);
  };
  const float* const w = supernet::data<float>(weight);
  compare("forward", [&] { depthwise_forward(s, supernet::data<bf16>(x), w, supernet::data<bf16>(y)); }, forward);
  compare(
      "data", [&] { depthwise_backward_data(s, supernet::data<bf16>(dy), w, supernet::data<bf16>(dx)); },
      [&](at::ScalarType type) { backward(type, true); });
  compare(
      "weights",
      [&] {
        depthwise_backward_weights(s, supernet::data<bf16>(x), supernet::data<bf16>(dy),
                                   supernet::data<float>(dweight));
      },
      [&](at::ScalarType type) { backward(type, false); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Depthwise convolutions against LibTorch's"};
  int batch = 64, threads = 0;
  double seconds = 0.1;
  std::string record;
  app.add_option("--batch", batch)->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--threads", threads, "0: all cores")->check(CLI::Range(0, 1024));
  app.add_option("--seconds", seconds, "for each layer and pass")->capture_default_str();
  app.add_option("--record", record, "results/*.json that keeps the figures");
  return bench::bench_main(app, "depthwise_bench", argc, argv, [&](const std::string& command) {
    // LibTorch allocates its results in each call: let malloc keep such memory, or page faults are what is measured.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    train::set_up_cpu(threads);
    const torch::NoGradGuard no_grad;
    const double peak = measured_peak(omp_get_max_threads());
    std::printf("batch %d, %d threads, fp32 matrix product %.1f GMAC/s\n", batch, omp_get_max_threads(), peak / 1e9);
    std::puts("layer            pass     ours: us, of it  torch bf16      fp32: us, ours is");
    Gains gains;
    for (const DepthwiseShape& s : {DepthwiseShape{batch, 32, 32, 16, 3, 1},
                                    {batch, 32, 32, 96, 3, 2},
                                    {batch, 16, 16, 96, 3, 1},
                                    {batch, 16, 16, 96, 5, 1},
                                    {batch, 16, 16, 96, 5, 2},
                                    {batch, 8, 8, 192, 3, 1},
                                    {batch, 8, 8, 192, 5, 1},
                                    {batch, 8, 8, 192, 5, 2},
                                    {batch, 8, 8, 192, 7, 1},
                                    {batch, 4, 4, 384, 3, 1},
                                    {batch, 64, 64, 48, 5, 2}})
      bench_layer(s, peak, seconds, gains);
    const double mean = std::exp(gains.logs / gains.count);
    std::printf("ours is x%.2f in the geometric mean, x%.2f at most\n", mean, gains.most);
    if (!record.empty())
      record_figures(record, command,
                     {{"depthwise.mean_speedup", {.value = mean, .unit = "x", .n = gains.count}},
                      {"depthwise.most_speedup", {.value = gains.most, .unit = "x", .n = gains.count}}});
  });
}
