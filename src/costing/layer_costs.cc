// Map: layer_cost_subjects() lists what is visited; take_up() finds the table to go on with; measure_layer_costs() has
// the bench visit what is missing and adds what came of it.
#include "costing/layer_costs.h"

#include <algorithm>
#include <cmath>

#include "core/clock.h"
#include "core/rng.h"
#include "core/system/machine.h"
#include "costing/covering.h"
#include "costing/layer_bench.h"
#include "engine/spec.h"
#include "measure/stages/stage_engine.h"

namespace triage::costing {
namespace {

constexpr int kCutKinds = 3;

void check(const family::AnySpace& space, int classes, const LayerCostOptions& options) {
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
  const int last = static_cast<int>(space->sections()) - 1;
  for (const int exit : options.exits) {
    if (exit < 0 || exit >= last) fail("layer costs: exits: found {}, expected a section before {}", exit, last);
  }
}

std::vector<int> exits_of(const family::AnySpace& space, const LayerCostOptions& options) {
  if (!options.exits.empty()) return options.exits;
  const int last = static_cast<int>(space->sections()) - 1;
  std::vector<int> exits;
  for (int section = std::min(1, last - 1); section < last; ++section) {
    if (section >= 0) exits.push_back(section);
  }
  return exits;
}

// Three windows and no demand on how well they agree: the passes tell how steady the machine was.
measure::MeasureOptions visit_options(const LayerCostOptions& options, std::uint64_t visits) {
  measure::MeasureOptions measure;
  measure.warmup_seconds = 0.005;
  measure.settle_runs = 0;
  measure.window_seconds = options.seconds / static_cast<double>(visits) / 3;
  measure.window_runs = 1;
  measure.min_seconds = 0;
  measure.min_runs = (options.min_runs + options.passes - 1) / options.passes;
  measure.max_seconds = 60;
  measure.tolerance = 1e9;
  measure.stop = options.stop;
  return measure;
}

cost::LayerCostTable empty_table(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                 const LayerCostOptions& options, const std::string& device) {
  cost::LayerCostTable table;
  table.device = device;
  table.key = key_of(options);
  table.input = input;
  table.classes = classes;
  table.settings = {
      {"space", space->text()},           {"passes", options.passes},         {"cover", options.cover},
      {"whole_nets", options.whole_nets}, {"cut_stages", options.cut_stages}, {"exits", exits_of(space, options)},
      {"seconds", options.seconds},       {"min_runs", options.min_runs},     {"seed", options.seed}};
  table.provenance = {{"git", git_revision()}, {"date", iso_time_now()}};
  return table;
}

// Where a table's times come from: known when it begins, or when the first times are there.
void set_or_require(cost::LayerCostTable& table, const cost::MeasuredOn& on, const std::string& origin) {
  if (table.visits > 0) return cost::require_measured_on(cost::measured_on(table), on, origin);
  table.device = on.device;
  table.machine = on.machine;
  table.engine_version = on.engine_version;
}

// The file's table where there is one that fits, else `fresh`.
cost::LayerCostTable take_up(cost::LayerCostTable fresh, const fs::path& file) {
  if (!fs::exists(file)) return fresh;
  cost::LayerCostTable table = cost::load_layer_costs(file);
  cost::require_same_setting(table, fresh.device, fresh.key, file.string());
  const auto require = [&](const std::string& field, const Json& found, const Json& expected) {
    if (found == expected) return;
    fail("{}: {}: found {}, expected {}; name another file, or delete this one to measure anew", file.string(), field,
         found.dump(), expected.dump());
  };
  require("input", to_json(table.input), to_json(fresh.input));
  require("classes", table.classes, fresh.classes);
  for (const auto& [key, value] : fresh.settings.items()) {
    require("settings." + key, table.settings.contains(key) ? table.settings[key] : Json(), value);
  }
  return table;
}

void add_visit(const LayerCostSubject& subject, const LayerVisitTimes& times, cost::LayerCostTable& table) {
  ++table.visits;
  if (!times.unstable_because.empty()) ++table.unstable[times.unstable_because];
  if (subject.profiled) {
    const cost::SegmentNet net = cost::segment_net(subject.segment, table.input, table.classes);
    const std::vector<cost::KeyedLayer> layers = cost::keyed_layers(net.net.layers, net.begin, net.end);
    for (std::size_t i = 0; i < layers.size(); ++i) table.layers[layers[i].key].add(times.layers_us[i], times.runs);
    return;
  }
  const std::string text = subject.segment.text();
  auto found = std::ranges::find_if(table.stages, [&](const auto& stage) { return stage.segment.text() == text; });
  if (found == table.stages.end()) {
    table.stages.push_back({.segment = subject.segment, .held_out = subject.held_out});
    found = std::prev(table.stages.end());
  }
  found->time.add(times.whole_us, times.runs);
}

// The visits that come next: of one pass, in its random order.
std::vector<LayerCostSubject> next_visits(const std::vector<LayerCostSubject>& subjects, std::uint64_t done,
                                          std::size_t most, std::uint64_t seed) {
  const std::uint64_t pass = done / subjects.size();
  const std::size_t place = done % subjects.size();
  const std::vector<std::uint32_t> order =
      random_permutation(static_cast<std::uint32_t>(subjects.size()), derive_seed(seed, "pass", pass));
  std::vector<LayerCostSubject> visits;
  for (std::size_t i = place; i < std::min(place + most, subjects.size()); ++i) visits.push_back(subjects[order[i]]);
  return visits;
}

std::vector<LayerCostSubject> subjects_of(const family::AnySpace& space, const plan::InputShape& input,
                                          const LayerCostOptions& options) {
  std::vector<LayerCostSubject> subjects;
  for (family::ArchSpec& arch : covering_subnets(*space, input, options.cover, options.seed)) {
    subjects.push_back({.segment = {.arch = std::move(arch)}, .profiled = true});
  }
  std::vector<family::ArchSpec> nets =
      sized_subnets(*space, static_cast<std::size_t>(options.whole_nets), options.seed);
  for (std::size_t i = 0; i < nets.size(); ++i) {  // the largest is fitted to: nothing is extrapolated
    const bool held_out = i % 2 == 1 && i + 1 < nets.size();
    subjects.push_back({.segment = {.arch = std::move(nets[i])}, .held_out = held_out});
  }
  const std::vector<int> exits = exits_of(space, options);
  if (exits.empty()) return subjects;
  const auto cuts = static_cast<std::size_t>((options.cut_stages + kCutKinds - 1) / kCutKinds);
  nets = sized_subnets(*space, cuts, derive_seed(options.seed, "cut stages"));
  for (std::size_t i = 0; i < nets.size(); ++i) {
    const int cut = exits[i % exits.size()] + 1;
    const bool held_out = i / exits.size() % 2 == 1;
    const family::ArchSpec& arch = nets[i];
    subjects.push_back({.segment = {.arch = arch, .last_section = cut}, .held_out = held_out});
    subjects.push_back({.segment = {.arch = arch, .last_section = cut, .carry = true}, .held_out = held_out});
    subjects.push_back({.segment = {.arch = arch, .first_section = cut}, .held_out = held_out});
  }
  return subjects;
}

}  // namespace

std::vector<LayerCostSubject> layer_cost_subjects(const family::AnySpace& space, const plan::InputShape& input,
                                                  const LayerCostOptions& options) {
  std::vector<LayerCostSubject> subjects = subjects_of(space, input, options);
  for (LayerCostSubject& subject : subjects) subject.segment.precision = options.precision;
  return subjects;
}

cost::CostKey key_of(const LayerCostOptions& options) {
  return cost::cost_key({}, engine::spec_of_provider(options.provider).engine, options.provider, options.precision,
                        options.threads,
                        /*batch=*/1);
}

cost::LayerCostTable measure_layer_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                         const LayerCostOptions& options, const fs::path& file,
                                         const LayerCostProgress& progress) {
  check(space, classes, options);
  return measure_layer_costs(space, input, classes, options, file,
                             *layer_bench_here(input, classes, options, onnx_engine(options)), progress);
}

cost::LayerCostTable measure_layer_costs(const family::AnySpace& space, const plan::InputShape& input, int classes,
                                         const LayerCostOptions& options, const fs::path& file, LayerBench& bench,
                                         const LayerCostProgress& progress) {
  check(space, classes, options);
  const std::vector<LayerCostSubject> subjects = layer_cost_subjects(space, input, options);
  const std::uint64_t total = subjects.size() * static_cast<std::uint64_t>(options.passes);
  cost::LayerCostTable table = take_up(empty_table(space, input, classes, options, bench.device()), file);
  if (const auto on = bench.known()) set_or_require(table, *on, file.string());
  if (table.complete) return table;
  const measure::MeasureOptions measure = visit_options(options, total);
  double saved = steady_seconds();
  const auto save = [&] {
    if (table.visits > 0) cost::save_layer_costs(file, table);
    saved = steady_seconds();
  };
  try {
    while (table.visits < total) {
      if (progress) progress(table.visits, total);
      if (options.stop.requested()) throw Interrupted("");
      const std::vector<LayerCostSubject> visits =
          next_visits(subjects, table.visits, bench.max_visits(), options.seed);
      const LayerVisitAnswer answer = bench.visit({visits, table.visits, measure}, [&](std::size_t done) {
        if (progress) progress(table.visits + done, total);
      });
      set_or_require(table, answer.on, file.string());
      for (std::size_t i = 0; i < visits.size(); ++i) add_visit(visits[i], answer.times[i], table);
      for (const Json& state : answer.states) table.states.push_back(state);
      if (seconds_since(saved) >= options.save_seconds) save();
    }
  } catch (const Interrupted&) {
    save();
    throw Interrupted(
        std::format("stopped after {} of {} visits; the same command goes on from here", table.visits, total));
  } catch (const remote::DeviceVanished& vanished) {
    save();
    if (table.visits == 0) throw;
    throw remote::DeviceVanished(vanished.problem, std::format("{}; {} of {} visits are in {}", vanished.what(),
                                                               table.visits, total, file.string()));
  } catch (const remote::DeviceError&) {
    save();
    throw;
  }
  cost::fit_layer_costs(table, file.string());
  table.complete = true;
  save();
  if (progress) progress(total, total);
  return table;
}

}  // namespace triage::costing
