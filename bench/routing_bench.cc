// What routing costs without the networks: evidence, the learned router's score, the comparison, and the hand-over of
// the images that go on (runtime/exit_step.h). Sizes of the CIFAR-10 pair: 10 classes, 64 pooled features, 32x32x3.
//   routing_bench                                    the table
//   routing_bench --record results/pair.json         and the figure runtime.routing_us
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "bench/bench_main.h"
#include "core/rng.h"
#include "engine/fake/fake_session.h"
#include "runtime/executor.h"

namespace {

using namespace triage;
using namespace triage::runtime;
using engine::FakeRow;
using engine::FakeSession;

constexpr int kClasses = 10, kFeatures = 64, kSide = 32, kChannels = 3, kImage = kSide * kSide * kChannels;

std::vector<float> normals(std::size_t count, const char* purpose, double scale = 1) {
  Rng rng(derive_seed(1, purpose));
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal() * scale);
  return values;
}

plan::Plan make_plan(int hidden) {
  plan::Plan plan{.name = "bench", .input = {kChannels, kSide, kSide}, .classes = {}};
  for (int c = 0; c < kClasses; ++c) plan.classes.push_back(std::to_string(c));
  plan.stages.resize(2);
  plan.stages[0].feature_width = kFeatures;
  plan::Router router{.feature_width = kFeatures, .hidden = hidden};
  router.mean = normals(router.inputs(), "mean");
  router.scale.assign(router.inputs(), 1.5f);
  router.weight1 = normals(static_cast<std::size_t>(hidden) * router.inputs(), "weight1", 0.1);
  router.bias1 = normals(hidden, "bias1");
  router.weight2 = normals(hidden, "weight2", 0.3);
  plan.stages[0].exit.router = router;
  return plan;
}

// One exit over a batch. Every second image goes on and takes its pixels along; in a batch of one it stays in place.
// Each iteration reads other logits and features, so that no branch learns the answers by heart.
void route(benchmark::State& state) {
  constexpr int kSets = 64;
  const int n = static_cast<int>(state.range(0)), hidden = static_cast<int>(state.range(1));
  const plan::Plan plan = make_plan(hidden);
  const std::vector<float> logits = normals(std::size_t{kSets} * n * kClasses, "logits", 3);
  const std::vector<float> features = normals(std::size_t{kSets} * n * kFeatures, "features");
  std::vector<float> images = normals(static_cast<std::size_t>(n) * kImage, "images");
  std::vector<int> rows(n);
  std::vector<Outcome> outcomes(n);
  const HandOver buffers[] = {{images.data(), kImage}};

  std::vector<double> scores;
  const ExitStep exit(plan, 0);
  for (int set = 0; set < kSets; ++set) {
    std::iota(rows.begin(), rows.end(), 0);
    exit.decide(n, 1.0, &logits[set * n * kClasses], &features[set * n * kFeatures], buffers, rows, outcomes);
    for (const Outcome& outcome : outcomes) scores.push_back(outcome.score);
  }
  std::ranges::nth_element(scores, scores.begin() + static_cast<std::ptrdiff_t>(scores.size() / 2));
  const double median = scores[scores.size() / 2];

  int set = 0;
  std::int64_t gone_on = 0;
  for (auto _ : state) {
    std::iota(rows.begin(), rows.end(), 0);
    gone_on +=
        exit.decide(n, median, &logits[set * n * kClasses], &features[set * n * kFeatures], buffers, rows, outcomes);
    benchmark::ClobberMemory();
    set = (set + 1) % kSets;
  }
  const double images_seen = static_cast<double>(state.iterations()) * n;
  state.counters["per_image"] =  // seconds of processor time
      benchmark::Counter(images_seen, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["escalated"] = static_cast<double>(gone_on) / images_seen;
}

// All that the runtime adds to the networks at batch 1: checks, workspace, pixels to floats, two stages' hand-over.
void overhead(benchmark::State& state) {
  const plan::Plan plan = make_plan(32);
  const std::vector<float> logits = normals(kClasses, "logits"), features = normals(kFeatures, "features");
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < 2; ++s) {
    sessions.push_back(std::make_unique<FakeSession>(
        engine::SessionInfo{.input_size = kImage, .classes = kClasses, .feature_width = s == 0 ? kFeatures : 0},
        [&](const FakeRow& row) {
          std::ranges::copy(logits, row.logits.begin());
          if (!row.features.empty()) std::ranges::copy(features, row.features.begin());
        }));
  }
  const double always[] = {-1};
  const Executor executor(plan, std::move(sessions), always);
  const std::vector<std::uint8_t> pixels(kImage, 100);
  const ImageView image{pixels.data(), kSide, kSide, kChannels};
  Outcome outcome;
  for (auto _ : state) {
    if (!executor.classify({&image, 1}, {&outcome, 1})) state.SkipWithError("classify failed");
    benchmark::DoNotOptimize(outcome);
  }
}

BENCHMARK(route)->ArgNames({"batch", "hidden"})->ArgsProduct({{1, 64}, {16, 32}})->Repetitions(5);
BENCHMARK(overhead)->Repetitions(5);

}  // namespace

int main(int argc, char** argv) {
  return triage::bench::counter_main("routing_bench",
                                     {.key = "runtime.routing_us",
                                      .counter = "per_image",
                                      .unit = "us",
                                      .scale = 1e6,
                                      .note = "us per image, the costliest variant of route (target: 2)"},
                                     argc, argv);
}
