// What one training image costs on the prefetch thread: augmented, normalised, converted. Aim: under 15 us for
// 32x32x3, as the thread shares its core with the convolutions. "images" is the rate of one core.
#include <benchmark/benchmark.h>

#include "data/augment.h"
#include "data/import/import.h"

namespace {

using namespace triage::data;

RawDataset make_images(int side, int channels) {
  GeneratedOptions options;
  options.channels = channels;
  options.height = options.width = side;
  options.train_count = 1000;
  options.test_count = 8;
  return generate(options);
}

// Arguments: side, channels, cutout.
template <PixelType kType>
void augment_image(benchmark::State& state) {
  const RawDataset raw = make_images(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const DatasetInfo& info = raw.info;
  const Normalization normalization{std::vector<float>(info.channels, 0.5f), std::vector<float>(info.channels, 0.25f)};
  AugmentOptions options;
  options.cutout = static_cast<int>(state.range(2));
  const PixelPass pass(info, normalization, kType, options);
  std::vector<std::uint8_t> out(pass.output_bytes());
  const std::size_t image_bytes = raw.pixels.size() / raw.labels.size();
  std::uint32_t index = 0;
  for (auto _ : state) {
    const Draw draw = make_draw(options, info.height, info.width, 1, 3, index);
    pass.augmented(raw.pixels.data() + index * image_bytes, draw, out.data());
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
    index = (index * 757 + 1) % info.train_count;
  }
  state.counters["images"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(augment_image<PixelType::bf16>)->Args({32, 3, 0})->Args({32, 3, 8})->Args({28, 1, 0});
BENCHMARK(augment_image<PixelType::fp32>)->Args({32, 3, 0});

}  // namespace

BENCHMARK_MAIN();
