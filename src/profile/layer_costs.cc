// Map: layer_cost_subjects() lists what is visited; Bench opens one and times it; Session keeps the table, its file and
// the order of visits.
#include "profile/layer_costs.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/machine.h"
#include "core/progress.h"
#include "core/rng.h"
#include "profile/covering.h"
#include "profile/latency.h"
#include "profile/node_times.h"
#include "profile/random_model.h"
#include "profile/stage_runner.h"
#include "runtime/onnx_backend.h"

namespace triage::profile {
namespace {

constexpr int kRandomImages = 16;
constexpr int kCutKinds = 3;

void check(const plan::SearchSpace& space, int classes, const LayerCostOptions& options) {
  const auto expect = [](bool ok, const char* field, auto found, const char* expected) {
    if (!ok) fail("layer costs: {}: found {}, expected {}", field, found, expected);
  };
  expect(classes >= 2, "classes", classes, "at least 2");
  expect(options.threads >= 1, "threads", options.threads, "at least 1");
  expect(options.passes >= 1, "passes", options.passes, "at least 1");
  expect(options.whole_nets >= 1, "whole_nets", options.whole_nets, "at least 1");
  expect(options.cut_stages >= 0, "cut_stages", options.cut_stages, "0 or more");
  expect(options.seconds > 0, "seconds", options.seconds, "more than 0");
  expect(options.min_runs >= 1, "min_runs", options.min_runs, "at least 1");
  const int last = static_cast<int>(space.blocks.size()) - 1;
  for (const int exit : options.exits) {
    if (exit < 0 || exit >= last) fail("layer costs: exits: found {}, expected a block before {}", exit, last);
  }
}

std::vector<int> exits_of(const plan::SearchSpace& space, const LayerCostOptions& options) {
  if (!options.exits.empty()) return options.exits;
  const int last = static_cast<int>(space.blocks.size()) - 1;
  std::vector<int> exits;
  for (int block = std::min(1, last - 1); block < last; ++block) {
    if (block >= 0) exits.push_back(block);
  }
  return exits;
}

// Opens stages one at a time and times them.
class Bench {
 public:
  Bench(const plan::InputShape& input, int classes, const LayerCostOptions& options, double visit_seconds)
      : input_(input), classes_(classes), options_(options) {
    Rng rng(derive_seed(options.seed, "images"));
    pixels_.resize(static_cast<std::size_t>(kRandomImages) * input.channels * input.height * input.width);
    for (std::uint8_t& pixel : pixels_) pixel = static_cast<std::uint8_t>(rng.below(256));
    images_ = {pixels_, kRandomImages, input.height, input.width, input.channels};
    // Three windows and no demand on how well they agree: the passes tell how steady the machine was.
    measure_.warmup_seconds = 0.005;
    measure_.settle_runs = 0;
    measure_.window_seconds = visit_seconds / 3;
    measure_.window_runs = 1;
    measure_.min_seconds = 0;
    measure_.min_runs = (options.min_runs + options.passes - 1) / options.passes;
    measure_.max_seconds = 60;
    measure_.tolerance = 1e9;
  }

  // Mean µs of an image.
  double whole(const plan::StageShape& stage, std::uint64_t& runs) {
    std::size_t started = 0;
    const Measurement measured = time(stage, {}, started);
    runs = measured.samples_us.size();
    return measured.latency_us.mean;
  }

  // Mean µs of every layer, in order.
  std::vector<double> layers(const plan::StageShape& stage, std::uint64_t& runs) {
    std::size_t started = 0;
    const Measurement measured = time(stage, profiles_.prefix(), started);
    runs = measured.samples_us.size();
    return layer_times(profiles_.take(), plan::stage_layers(stage, input_), started - runs, stage.text());
  }

 private:
  Measurement time(const plan::StageShape& stage, const std::string& profile, std::size_t& started) {
    const std::string name = stage.text();
    auto backend = runtime::make_onnx_backend(random_stage_onnx(stage, input_, classes_, options_.seed), name,
                                              {.threads = options_.threads, .profile = profile});
    const bool image = stage.first_block == 0;
    std::vector<float> maps;
    if (!image) maps = random_maps(static_cast<std::size_t>(backend->shape().input_size));
    StageRunner runner(std::move(backend), name, {.carries = stage.carry}, images_, image ? nullptr : &maps);
    const auto run = [&](std::size_t index) {
      started = index + 1;
      runner.run(index, 1);
    };
    return measure(run, measure_);
  }

  // As behind a rectifier: half of the values are 0.
  std::vector<float> random_maps(std::size_t size) const {
    Rng rng(derive_seed(options_.seed, "maps"));
    std::vector<float> maps(size * kRandomImages);
    for (float& value : maps) value = static_cast<float>(std::max(0.0, 2 * rng.uniform() - 1));
    return maps;
  }

  const plan::InputShape input_;
  const int classes_;
  const LayerCostOptions& options_;
  std::vector<std::uint8_t> pixels_;
  Images images_;
  MeasureOptions measure_;
  ProfileDirectory profiles_;
};

plan::LayerCostTable empty_table(const plan::SearchSpace& space, const plan::InputShape& input, int classes,
                                 const LayerCostOptions& options) {
  plan::LayerCostTable table;
  table.machine = machine_context();
  table.engine_version = runtime::onnx_runtime_version();
  table.key.precision = plan::to_string(options.precision);
  table.key.threads = options.threads;
  table.input = input;
  table.classes = classes;
  table.settings = {{"space", space.text()},
                    {"passes", options.passes},
                    {"cover", options.cover},
                    {"whole_nets", options.whole_nets},
                    {"cut_stages", options.cut_stages},
                    {"exits", exits_of(space, options)},
                    {"seconds", options.seconds},
                    {"min_runs", options.min_runs},
                    {"seed", options.seed}};
  table.provenance = {{"git", git_revision()}, {"date", iso_time_now()}};
  return table;
}

// The file's table where there is one that fits, else `fresh`.
plan::LayerCostTable take_up(plan::LayerCostTable fresh, const fs::path& file) {
  if (!fs::exists(file)) return fresh;
  plan::LayerCostTable table = plan::load_layer_costs(file);
  plan::require_same_device(table, fresh.machine, fresh.engine_version, fresh.key, file.string());
  const auto require = [&](const std::string& field, const Json& found, const Json& expected) {
    if (found == expected) return;
    fail("{}: {}: found {}, expected {}; name another file, or delete this one to measure anew", file.string(), field,
         found.dump(), expected.dump());
  };
  require("input", plan::to_json(table.input), plan::to_json(fresh.input));
  require("classes", table.classes, fresh.classes);
  for (const auto& [key, value] : fresh.settings.items()) {
    require("settings." + key, table.settings.contains(key) ? table.settings[key] : Json(), value);
  }
  return table;
}

void visit(const LayerCostSubject& subject, Bench& bench, plan::LayerCostTable& table) {
  std::uint64_t runs = 0;
  if (subject.profiled) {
    const std::vector<plan::ConvLayer> layers = plan::stage_layers(subject.shape, table.input);
    const std::vector<double> times = bench.layers(subject.shape, runs);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      plan::TimedRuns& layer = table.layers[plan::key_of(layers[i])];
      layer.samples_us.push_back(times[i]);
      layer.runs += runs;
    }
    return;
  }
  const double us = bench.whole(subject.shape, runs);
  const std::string text = subject.shape.text();
  auto found = std::ranges::find_if(table.stages, [&](const auto& stage) { return stage.shape.text() == text; });
  if (found == table.stages.end()) {
    table.stages.push_back({.shape = subject.shape, .held_out = subject.held_out});
    found = std::prev(table.stages.end());
  }
  found->time.samples_us.push_back(us);
  found->time.runs += runs;
}

std::vector<LayerCostSubject> subjects_of(const plan::SearchSpace& space, const LayerCostOptions& options) {
  std::vector<LayerCostSubject> subjects;
  for (plan::ArchSpec& arch : covering_subnets(space, options.cover, options.seed)) {
    subjects.push_back({.shape = {.arch = std::move(arch)}, .profiled = true});
  }
  std::vector<plan::ArchSpec> nets = sized_subnets(space, static_cast<std::size_t>(options.whole_nets), options.seed);
  for (std::size_t i = 0; i < nets.size(); ++i) {  // the largest is fitted to: nothing is extrapolated
    const bool held_out = i % 2 == 1 && i + 1 < nets.size();
    subjects.push_back({.shape = {.arch = std::move(nets[i])}, .held_out = held_out});
  }
  const std::vector<int> exits = exits_of(space, options);
  if (exits.empty()) return subjects;
  const auto cuts = static_cast<std::size_t>((options.cut_stages + kCutKinds - 1) / kCutKinds);
  nets = sized_subnets(space, cuts, derive_seed(options.seed, "cut stages"));
  for (std::size_t i = 0; i < nets.size(); ++i) {
    const int cut = exits[i % exits.size()] + 1;
    const bool held_out = i / exits.size() % 2 == 1;
    subjects.push_back({.shape = {.arch = nets[i], .last_block = cut}, .held_out = held_out});
    subjects.push_back({.shape = {.arch = nets[i], .last_block = cut, .carry = true}, .held_out = held_out});
    subjects.push_back({.shape = {.arch = nets[i], .first_block = cut}, .held_out = held_out});
  }
  return subjects;
}

}  // namespace

std::vector<LayerCostSubject> layer_cost_subjects(const plan::SearchSpace& space, const LayerCostOptions& options) {
  std::vector<LayerCostSubject> subjects = subjects_of(space, options);
  for (LayerCostSubject& subject : subjects) subject.shape.precision = options.precision;
  return subjects;
}

plan::LayerCostTable measure_layer_costs(const plan::SearchSpace& space, const plan::InputShape& input, int classes,
                                         const LayerCostOptions& options, const fs::path& file,
                                         const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  check(space, classes, options);
  const std::vector<LayerCostSubject> subjects = layer_cost_subjects(space, options);
  const std::uint64_t total = subjects.size() * static_cast<std::uint64_t>(options.passes);
  plan::LayerCostTable table = take_up(empty_table(space, input, classes, options), file);
  if (table.complete) return table;
  Bench bench(input, classes, options, options.seconds / static_cast<double>(total));
  double saved = steady_seconds();
  const auto save = [&] {
    plan::save_layer_costs(file, table);
    saved = steady_seconds();
  };
  std::vector<std::uint32_t> order;
  try {
    while (table.visits < total) {
      if (progress) progress(table.visits, total);
      if (stop_requested()) throw Interrupted("");
      const std::uint64_t pass = table.visits / subjects.size(), place = table.visits % subjects.size();
      if (place == 0 || order.empty()) {
        order =
            random_permutation(static_cast<std::uint32_t>(subjects.size()), derive_seed(options.seed, "pass", pass));
      }
      visit(subjects[order[place]], bench, table);
      ++table.visits;
      if (steady_seconds() - saved >= options.save_seconds) save();
    }
  } catch (const Interrupted&) {
    save();
    throw Interrupted(
        std::format("stopped after {} of {} visits; the same command goes on from here", table.visits, total));
  }
  plan::fit_layer_costs(table, file.string());
  table.complete = true;
  save();
  if (progress) progress(total, total);
  return table;
}

}  // namespace triage::profile
