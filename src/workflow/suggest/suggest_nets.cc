#include "workflow/suggest/suggest_nets.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/progress.h"
#include "core/rng.h"
#include "engine/registry.h"
#include "family/lower.h"
#include "family/presets.h"
#include "measure/latency.h"
#include "model/onnx/write.h"

namespace triage::workflow {
namespace {

constexpr std::uint64_t kSeed = 1;       // of weights and images: times do not depend on them
constexpr double kLittleShare = 1. / 3;  // of the big net's latency: a slower little one saves nothing

}  // namespace

std::vector<SuggestedNet> suggest_nets(const SuggestRequest& request) {
  plan::check_input_shape(request.input);
  const TemporaryDirectory directory("suggest");
  engine::EngineSpec spec;
  spec.threads = request.threads;
  const engine::Engine& engine = engine::engine_for(spec);
  Rng rng(kSeed);
  std::vector<float> image(static_cast<std::size_t>(request.input.channels) * request.input.height *
                           request.input.width);
  for (float& value : image) value = static_cast<float>(rng.uniform());
  std::vector<float> logits(static_cast<std::size_t>(request.classes));

  std::vector<SuggestedNet> nets;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  std::vector<measure::Callable> runs;
  for (const family::Preset& preset : family::presets_for(request.input.height, request.input.width)) {
    const auto arch = family::ArchSpec::parse(preset.arch);
    const family::Blueprint blueprint = family::blueprint(arch, request.input, request.classes);
    const model::Counts counts = family::count(arch, request.input, request.classes);
    const std::string file = std::to_string(nets.size()) + ".onnx";
    model::write_onnx(directory.path() / file, family::lower(blueprint, family::random_weights(kSeed)).graph);
    auto session = engine::open_session(engine, {.engine = spec, .file = file}, directory.path(), spec);
    if (!session) fail("{}: {}", preset.arch, session.error().message);
    nets.push_back({.arch = std::string(preset.arch),
                    .note = std::string(preset.note),
                    .macs = counts.macs,
                    .parameters = counts.parameters});
    runs.push_back([&image, &logits, &net = *sessions.emplace_back(std::move(*session))](std::size_t) {
      const Status status = net.run(1, {.input = image.data(), .logits = logits.data()});
      if (!status) fail("{}", status.error().message);
    });
  }
  measure::MeasureOptions options;
  options.min_seconds = request.seconds;
  options.max_seconds = 3 * request.seconds;
  options.stop = request.context.stop;
  Progress progress(request.context, "measure", 0, "rounds");
  const auto measured =
      measure::measure_interleaved(runs, options, steady_seconds, [&](std::size_t round) { progress.update(round); });
  progress.finish();
  for (std::size_t i = 0; i < nets.size(); ++i) {
    nets[i].latency_us = measured[i].latency_us.median;
    nets[i].stable = measured[i].stable;
  }
  std::ranges::stable_sort(nets, {}, &SuggestedNet::latency_us);
  return nets;
}

std::optional<double> pair_latency_us(const SuggestedNet& little, const SuggestedNet& big,
                                      std::optional<double> most_latency_us) {
  if (little.latency_us > kLittleShare * big.latency_us) return std::nullopt;
  const double mean = little.latency_us + kSentOn * big.latency_us;
  return most_latency_us && mean > *most_latency_us ? std::nullopt : std::optional(mean);
}

std::optional<SuggestedPair> suggest_pair(std::span<const SuggestedNet> nets, std::optional<double> most_latency_us) {
  std::optional<SuggestedPair> best;
  for (std::size_t big = 0; big < nets.size(); ++big) {
    for (std::size_t little = 0; little < nets.size(); ++little) {
      const std::optional<double> mean = pair_latency_us(nets[little], nets[big], most_latency_us);
      const auto speeds = [&](std::size_t b, std::size_t l) {
        return std::pair(nets[b].latency_us, nets[l].latency_us);
      };
      if (mean && (!best || speeds(big, little) > speeds(best->big, best->little)))
        best = SuggestedPair{little, big, *mean};
    }
  }
  return best;
}

}  // namespace triage::workflow
