// How many pairs of nets a core scores exactly, at all thresholds, on 5,000 images (threshold/pair_curves.h). Verdicts
// and scores are made up; the work does not depend on them.
//   pair_curves_bench                                  the table
//   pair_curves_bench --record results/search.json     and the figure search.pair_curves_per_second
#include <benchmark/benchmark.h>

#include "bench/bench_main.h"
#include "core/rng.h"
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
  PairCurves<std::uint16_t> curves(kImages);
  for (auto _ : state) {
    curves.compute(ranking, nets[0], block);
    benchmark::DoNotOptimize(curves.correct(kImages, 0));
    benchmark::ClobberMemory();
  }
  state.counters["curves_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kLanes), benchmark::Counter::kIsRate);
}
BENCHMARK(pair_curves)->Repetitions(7);

}  // namespace

int main(int argc, char** argv) {
  return triage::bench::counter_main("pair_curves_bench",
                                     {.key = "search.pair_curves_per_second",
                                      .counter = "curves_per_second",
                                      .unit = "1/s",
                                      .note = "(target: 100000)"},
                                     argc, argv);
}
