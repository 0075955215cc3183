// How many pairs of nets a core scores exactly, at all thresholds, on 5,000 images (search/pair_curves.h). Verdicts and
// scores are made up; the work does not depend on them.
//   pair_curves_bench                                  the table
//   pair_curves_bench --record results/search.json     and the figure search.pair_curves_per_second
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "core/rng.h"
#include "core/system/machine.h"
#include "search/solve/pair_curves.h"

namespace {

using namespace triage;
using namespace triage::search;

constexpr std::size_t kImages = 5000;

ExitNet made_up(std::uint64_t seed) {
  Rng rng(seed);
  ExitNet net;
  std::vector<float> score(kImages);
  for (std::size_t i = 0; i < kImages; ++i) {
    net.validation.right.push_back(rng.uniform() < 0.9);
    score[i] = static_cast<float>(rng.uniform());
  }
  net.rankings[0] = rank_images(std::move(score));
  return net;
}

void pair_curves(benchmark::State& state) {
  std::vector<ExitNet> nets;
  for (std::uint64_t i = 0; i <= kLanes; ++i) nets.push_back(made_up(i));
  std::vector<const ExitNet*> second;
  for (std::size_t i = 1; i <= kLanes; ++i) second.push_back(&nets[i]);
  const VerdictBlock block(second, kImages);
  PairCurves curves(kImages);
  for (auto _ : state) {
    curves.compute(nets[0].rankings[0], nets[0].validation.right, block);
    benchmark::DoNotOptimize(curves.right(kImages, 0));
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
