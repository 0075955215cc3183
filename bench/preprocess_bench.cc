// Preprocessing of one image on one thread: from pixels to a network's input.
//   preprocess_bench                                  the table
//   preprocess_bench --record results/byo.json        and the figures byo.preprocess_us, byo.preprocess_error_levels
// GMAC/s: products of a pixel and a weight, both passes; "of peak" is their share of the most 32-bit products that this
// core multiplies and sums a second in registers. GB/s: pixels read and floats written; "of copy" is the share of what
// memcpy reads and writes a second for as many bytes.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "bench/bench_main.h"
#include "core/rng.h"
#include "core/statistics/statistics.h"
#include "core/system/cpu.h"
#include "preprocess/resize_fixtures_test_support.h"

namespace {

using namespace triage;
using namespace triage::preprocess;

struct Case {
  const char* name;
  int height, width;  // of the image
  Resize resize;
  int side;  // of the crop
};

Resize shorter(int side, Interpolation interpolation, Resampler resampler = Resampler::pillow) {
  return {ResizeMode::shorter, side, 0, interpolation, resampler};
}

const Case kCases[] = {
    {"213x160, the middle 160", 160, 213, {}, 160},
    {"213x160 to 128, bilinear", 160, 213, shorter(128, Interpolation::bilinear), 128},  // the case of record
    {"213x160 to 128, bicubic", 160, 213, shorter(128, Interpolation::bicubic), 128},
    {"213x160 to 182, the middle 160", 160, 213, shorter(182, Interpolation::bilinear), 160},
    {"213x160 to 128, OpenCV", 160, 213, shorter(128, Interpolation::bilinear, Resampler::opencv), 128},
    {"500x375 to 256, the middle 224", 375, 500, shorter(256, Interpolation::bilinear), 224},
    {"500x375 the same, bicubic", 375, 500, shorter(256, Interpolation::bicubic), 224},
    {"4000x3000 the same, bilinear", 3000, 4000, shorter(256, Interpolation::bilinear), 224},
};
constexpr int kOfRecord = 1;

struct Options {
  std::string record, fixtures = "tests/fixtures/resize";
  int windows = 30;
};

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// us a call, one value for each window of about 2 ms.
template <class Call>
std::vector<double> timed(int windows, const Call& call) {
  call();
  const double start = now_us();
  call();
  const int calls = std::max(1, static_cast<int>(2000 / std::max(now_us() - start, 0.1)));
  std::vector<double> values;
  for (int window = 0; window < windows; ++window) {
    const double begin = now_us();
    for (int i = 0; i < calls; ++i) call();
    values.push_back((now_us() - begin) / calls);
  }
  return values;
}

// Products and sums of 32-bit whole numbers that one core makes in registers, in 10^9 a second.
constexpr int kSteps = 20'000, kChains = 10;
struct Avx512 {
  using Ints = std::int32_t __attribute__((vector_size(64)));
};
struct Avx2 {
  using Ints = std::int32_t __attribute__((vector_size(32)));
};
template <class Target>
[[gnu::always_inline]] inline std::int32_t sum_products(std::int32_t seed) {
  using Ints = typename Target::Ints;
  Ints sums[kChains];
  const Ints factor = Ints{} + seed;
  for (int c = 0; c < kChains; ++c) sums[c] = factor + c;
  for (int step = 0; step < kSteps; ++step)
    for (int c = 0; c < kChains; ++c) sums[c] += sums[c] * factor;
  std::int32_t all = 0;
  for (const Ints& sum : sums) all += sum[0];
  return all;
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512"), gnu::noinline]] std::int32_t
products_avx512(std::int32_t seed) {
  return sum_products<Avx512>(seed);
}
[[gnu::target("avx2"), gnu::noinline]] std::int32_t products_avx2(std::int32_t seed) {
  return sum_products<Avx2>(seed);
}

double peak_products() {
  const bool wide = cpu_features().has(kAvx512Build);
  if (!wide && !cpu_features().has(kAvx2Build)) fail("expected a CPU with AVX2");
  std::int32_t seed = 3;
  const std::vector<double> us = timed(20, [&] {
    seed |= wide ? products_avx512(seed) : products_avx2(seed);
    benchmark::DoNotOptimize(seed);
  });
  return double{kSteps} * kChains * (wide ? 16 : 8) / *std::ranges::min_element(us) / 1e3;
}

double products_of(const Preprocess& spec, const Case& one) {
  const Windows kept = windows(spec, one.height, one.width);
  if (spec.resize.mode == ResizeMode::none) return 0;
  const auto table_of = [&](const AxisWindow& window) {
    AxisTable table;
    fill_table({window, spec.resize.interpolation, spec.resize.resampler, window.resized <= window.in}, table);
    return table;
  };
  const AxisTable columns = table_of(kept.columns), rows = table_of(kept.rows);
  const double between = rows.first.back() + rows.taps - rows.first.front(), across = kept.columns.count * 3.0;
  return between * across * columns.taps + kept.rows.count * across * rows.taps;
}

std::vector<double> measure(const Options& options, const Case& one, double peak) {
  const Preprocess spec{.resize = one.resize,
                        .height = one.side,
                        .width = one.side,
                        .mean = {0.485, 0.456, 0.406},
                        .stddev = {0.229, 0.224, 0.225}};
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(one.height) * one.width * 3);
  Rng rng(1);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  const Preprocessor preprocessor(spec);
  std::vector<float> output(preprocessor.elements());
  Scratch scratch;
  const std::vector<double> us = timed(options.windows, [&] {
    preprocessor.run({pixels.data(), one.height, one.width, 3}, output.data(), scratch);
    benchmark::ClobberMemory();
  });
  const Windows kept = windows(spec, one.height, one.width);  // of the pixels, those that count: as much of each side
  const double share =
      static_cast<double>(kept.rows.count) / kept.rows.resized * kept.columns.count / kept.columns.resized;
  const double bytes = static_cast<double>(pixels.size()) * share + static_cast<double>(output.size() * sizeof(float));
  const auto half = static_cast<std::size_t>(bytes / 2);
  std::vector<std::uint8_t> from(half, 1), to(half);
  const std::vector<double> copy = timed(options.windows, [&] {
    std::memcpy(to.data(), from.data(), half);
    benchmark::ClobberMemory();
  });
  const double time = summarize(us).median, rate = products_of(spec, one) / time / 1e3;
  std::printf("%-32s %9.1f %8.2f %7.0f%% %8.2f %7.0f%%\n", one.name, time, rate, 100 * rate / peak, bytes / time / 1e3,
              100 * summarize(copy).median / time);
  return us;
}

void run(const Options& options, const std::string& command) {
  const double peak = peak_products();
  std::printf("%-32s %9s %8s %8s %8s %8s\n", "", "us", "GMAC/s", "of peak", "GB/s", "of copy");
  std::vector<double> of_record;
  for (const Case& one : kCases) {
    const std::vector<double> us = measure(options, one, peak);
    if (&one == &kCases[kOfRecord]) of_record = us;
  }
  const Difference difference = difference_from(options.fixtures);
  std::printf("largest difference over %d images: %g levels from Pillow, %g from OpenCV\n", difference.cases,
              difference.pillow, difference.opencv);
  if (options.record.empty()) return;
  const Summary summary = summarize(of_record);
  record_figures(
      options.record, command,
      {{"byo.preprocess_us",
        {.value = summary.median,
         .unit = "us",
         .interval = Interval{summary.min, summary.max},
         .n = static_cast<int>(summary.count)}},
       {"byo.preprocess_error_levels", {.value = difference.pillow, .unit = "levels", .n = difference.cases}}});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Preprocessing of one image"};
  app.add_option("--windows", options.windows, "of 2 ms, of each case")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--fixtures", options.fixtures, "folder of tests/fixtures/make_resize.py")->capture_default_str();
  app.add_option("--record", options.record, "file of record that gets the figures");
  return bench::bench_main(app, "preprocess_bench", argc, argv,
                           [&](const std::string& command) { run(options, command); });
}
