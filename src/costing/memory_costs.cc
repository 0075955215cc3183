#include "costing/memory_costs.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/rng.h"
#include "core/system/machine.h"
#include "costing/covering.h"
#include "costing/random_model.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "family/plain/plain.h"
#include "measure/stages/memory.h"

namespace triage::costing {
namespace {

constexpr int kMemoryImages = 8;
constexpr double kKb = 1024;

// A plan of these nets, the smaller one first, in `directory`.
plan::Plan write_plan(const fs::path& directory, const std::vector<cost::Segment>& nets, const plan::InputShape& input,
                      int classes, std::uint64_t seed) {
  plan::Plan plan{.name = "memory", .input = input};
  plan.policy = plan::PolicyKind::confidence;
  for (int c = 0; c < classes; ++c) plan.classes.push_back(std::to_string(c));
  for (const cost::Segment& segment : nets) {
    const cost::StageSize size = cost::stage_size(segment, input, classes);
    plan::Stage stage{.name = std::format("net{}", plan.stages.size() + 1)};
    if (segment.arch.family == family::kPlain) stage.arch = family::plain_arch(segment.arch);
    stage.onnx = stage.name + ".onnx";
    stage.precision = segment.precision;
    stage.macs = size.macs;
    stage.parameters = size.parameters;
    stage.weight_bytes = size.weight_bytes;
    stage.activation_bytes = size.activation_bytes;
    const std::string bytes = random_stage_onnx(segment, input, classes, seed);
    write_file_atomic(directory / stage.onnx, bytes);
    stage.sha256 = sha256_hex(bytes);
    plan.stages.push_back(std::move(stage));
  }
  plan::save_plan(directory, plan);
  return plan;
}

cost::MemoryError error_of(const cost::MemoryFit& fit, const std::vector<cost::MemoryTerms>& plans,
                           const std::vector<double>& peaks) {
  cost::MemoryError error{.plans = static_cast<int>(plans.size())};
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const double percent = 100 * std::abs(fit.predict_kb(plans[i]) / peaks[i] - 1);
    error.mean_percent += percent / static_cast<double>(plans.size());
    error.max_percent = std::max(error.max_percent, percent);
  }
  return error;
}

}  // namespace

cost::MemoryCosts measure_memory_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                       const fs::path& program, const MemoryCostOptions& options,
                                       const std::function<void(std::size_t, std::size_t)>& progress) {
  const std::vector<family::ArchSpec> nets =
      sized_subnets(*space, static_cast<std::size_t>(options.nets), derive_seed(options.seed, "memory"));
  if (nets.size() < 4) fail("memory costs: expected a space of at least 4 nets, found {}", nets.size());
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kMemoryImages) * input.channels * input.height *
                                   input.width);
  Rng rng(derive_seed(options.seed, "images"));
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  const std::vector<ImageView> images = measure::images_of_block(pixels, input, "random images");

  cost::MemoryCosts costs{.machine = machine_context(), .engine_version = engine::version_of({})};
  const std::size_t total = options.precisions.size() * 2 * nets.size();
  std::size_t done = 0;
  for (const plan::Precision precision : options.precisions) {
    std::vector<cost::MemoryTerms> fitted, held_out;
    std::vector<double> fitted_kb, held_out_kb;
    for (std::size_t i = 0; i < 2 * nets.size(); ++i) {  // each net alone, and behind one of about half its place
      if (progress) progress(done++, total);
      if (options.stop.requested()) throw Interrupted(std::format("stopped after {} of {} plans", done - 1, total));
      const std::size_t large = i / 2;
      std::vector<cost::Segment> stages{{.arch = nets[large], .precision = precision}};
      if (i % 2 == 1) stages.insert(stages.begin(), {.arch = nets[large / 2], .precision = precision});
      const TemporaryDirectory directory("memory");
      const plan::Plan plan = write_plan(directory.path(), stages, input, classes, options.seed);
      const cost::PathMemory path = measure::measure_path_memory(program, directory.path(), plan.stages.size() - 1,
                                                                 images, engine::kOnnxRuntime, options.stop);
      cost::MemoryTerms terms{.weights_kb = path.weights_kb,
                              .activations_kb = path.activations_kb,
                              .stages = static_cast<int>(plan.stages.size())};
      for (const plan::Stage& stage : plan.stages)
        terms.largest_kb = std::max(terms.largest_kb, static_cast<double>(stage.weight_bytes) / kKb);
      const bool held = large % 2 == 1 && large + 1 < nets.size();  // the largest is fitted to
      (held ? held_out : fitted).push_back(terms);
      (held ? held_out_kb : fitted_kb).push_back(path.peak_kb);
    }
    const cost::MemoryFit fit = cost::fit_memory(fitted, fitted_kb);
    costs.of[precision] = {fit, error_of(fit, held_out, held_out_kb)};
  }
  if (progress) progress(total, total);
  return costs;
}

}  // namespace triage::costing
