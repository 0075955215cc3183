// How many pairs of nets a core scores exactly, at all thresholds, on 5,000 images (threshold/pair_curves.h). Verdicts
// and scores are made up; the work does not depend on them.
//   pair_curves_bench                                  the table
//   pair_curves_bench --record results/search.json     and the figure search.pair_curves_per_second
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "core/rng.h"
#include "core/system/machine.h"
#include "threshold/pair_curves.h"

namespace {

using namespace triage;
using namespace triage::threshold;

constexpr std::size_t kImages = 5000;

std::vector<std::uint8_t> made_up_verdicts(std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint8_t> correct;
  for (std::size_t i = 0; i < kImages; ++i) correct.push_back(rng.uniform() < 0.9);
  return correct;
}

void pair_curves(benchmark::State& state) {
  Rng rng(1);
  std::vector<float> score(kImages);
  for (float& one : score) one = static_cast<float>(rng.uniform());
  const auto ranking = rank_images<std::uint16_t>(std::move(score));
  std::vector<std::vector<std::uint8_t>> nets;
  for (std::uint64_t i = 0; i <= kLanes; ++i) nets.push_back(made_up_verdicts(i));
  const std::vector<std::span<const std::uint8_t>> second(nets.begin() + 1, nets.end());
  const VerdictBlock block(second, kImages);
  PairCurves curves(kImages);
  for (auto _ : state) {
    curves.compute(ranking, nets[0], block);
    benchmark::DoNotOptimize(curves.correct(kImages, 0));
    benchmark::ClobberMemory();
  }
  state.counters["curves_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kLanes), benchmark::Counter::kIsRate);
}
BENCHMARK(pair_curves)->Repetitions(7);

class Keeper : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      const auto found = run.counters.find("curves_per_second");
      if (run.run_type == Run::RT_Iteration && found != run.counters.end()) rates.push_back(found->second.value);
    }
  }
  std::vector<double> rates;
};

}  // namespace

int main(int argc, char** argv) {
  std::string record;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) != "--record") continue;
    record = argv[i + 1];
    std::rotate(argv + i, argv + i + 2, argv + argc);
    argc -= 2;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Keeper keeper;
  benchmark::RunSpecifiedBenchmarks(&keeper);
  const Summary rates = summarize(keeper.rates);
  std::printf("search.pair_curves_per_second %.0f [%.0f, %.0f] (target: 100000)\n", rates.median, rates.min, rates.max);
  if (record.empty()) return 0;
  try {
    record_figures(record, "pair_curves_bench --record " + record,
                   {{"search.pair_curves_per_second",
                     {.value = rates.median,
                      .unit = "1/s",
                      .interval = Interval{rates.min, rates.max},
                      .n = static_cast<int>(rates.count)}}});
  } catch (const Error& error) {
    std::fprintf(stderr, "pair_curves_bench: %s\n", error.what());
    return 1;
  }
}
