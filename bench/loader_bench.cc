// What one training image costs on the prefetch thread: augmented, normalised, converted. Aim: under 15 us for
// 32x32x3, as the thread shares its core with the convolutions. "images" is the rate of one core.
//   loader_bench
//   loader_bench --data photos.tds                             a set that was imported with --keep-encoded: batches of
//                                                              128x128 crops, decoded by two threads, nothing kept
//   loader_bench --data photos.tds --record results/byo.json   and the figure data.loader_images_per_second
#include <numeric>

#include "bench/bench_main.h"
#include "core/clock.h"
#include "data/augment.h"
#include "data/import/import.h"
#include "data/loader.h"

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

constexpr int kSide = 128, kThreads = 2, kBatch = 256, kBatches = 30, kRounds = 5;

// Of each round: images a second that the loader hands over.
std::vector<double> loaded_per_second(const Dataset& dataset) {
  std::vector<std::uint32_t> indices(dataset.info().train_count);
  std::iota(indices.begin(), indices.end(), 0u);
  const auto channels = static_cast<std::size_t>(dataset.info().channels);
  const Normalization normalization{std::vector<float>(channels, 0.5f), std::vector<float>(channels, 0.25f)};
  LoaderOptions options;
  options.batch = kBatch;
  options.threads = kThreads;
  options.size = {.height = kSide, .width = kSide, .cache_bytes = 0};
  options.augment.shift = 0;
  TrainLoader loader(dataset, indices, normalization, options, 0);
  const auto take = [&] {
    for (int i = 0; i < kBatches; ++i) loader.recycle(loader.next());
  };
  take();  // the file comes into memory, its shards are verified
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    const double start = triage::steady_seconds();
    take();
    rates.push_back(kBatches * kBatch / (triage::steady_seconds() - start));
  }
  return rates;
}

void load_photos(const triage::fs::path& data, const std::string& record) {
  const Dataset dataset = Dataset::open(data);
  const triage::Summary rate = triage::summarize(loaded_per_second(dataset));
  std::printf("%s: %.0f [%.0f, %.0f] images/s, decoded, cropped to %dx%d, %d threads\n", data.c_str(), rate.median,
              rate.min, rate.max, kSide, kSide, kThreads);
  if (record.empty()) return;
  triage::record_figures(record, "loader_bench --data " + data.filename().string() + " --record " + record,
                         {{"data.loader_images_per_second",
                           {.value = rate.median,
                            .unit = "images/s",
                            .interval = triage::Interval{rate.min, rate.max},
                            .n = static_cast<int>(rate.count)}}});
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the training loader does in a second", "loader_bench"};
  app.allow_extras();  // google-benchmark's
  std::string data, record;
  CLI::Option* photos = app.add_option("--data", data, "a set of encoded images")->check(CLI::ExistingFile);
  app.add_option("--record", record, "the file that the figure goes to")->needs(photos);
  return triage::bench::bench_main(app, "loader_bench", argc, argv, [&](const std::string&) {
    if (!data.empty()) return load_photos(data, record);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
