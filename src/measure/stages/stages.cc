// Map: Subjects collects the callables (stage_runner.h, PlanRunner) with their cost keys; profile_* open everything,
// time it interleaved and turn measurements into cost entries. one_by_one() opens and times a stage at a time.
#include "measure/stages/stages.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "core/system/machine.h"
#include "measure/behind.h"
#include "measure/stages/stage_engine.h"
#include "measure/stages/stage_runner.h"
#include "measure/stages/visit.h"
#include "runtime/cascade.h"
#include "runtime/image_inputs.h"

namespace triage::measure {
namespace {

void check_images(const plan::Plan& plan, Images images) {
  if (images.empty()) fail("profile: no images to measure with");
  const runtime::ImageInputs inputs(plan);
  const std::string what = std::format("profile: plan '{}': images", plan.name);
  for (const plan::Stage& stage : plan.stages) {
    if (plan.input.any_size() && stage.input == plan::StageInput::image && !stage.preprocess)
      fail("profile: stage '{}': found no preprocessing, expected one for images of any size", stage.name);
  }
  for (std::size_t i = 0; i < images.size(); ++i) inputs.check(images[i], what.c_str(), i);
}

void check_options(const ProfileOptions& options) {
  if (options.batches.empty() || options.threads.empty())
    fail("profile: needs at least one batch size and thread count");
  for (const int batch : options.batches) {
    if (batch < 1) fail("profile: batch: found {}, expected at least 1", batch);
  }
  for (const int threads : options.threads) {
    if (threads < 1) fail("profile: threads: found {}, expected at least 1", threads);
    if (!options.cores.empty() && static_cast<std::size_t>(threads) > options.cores.size()) {
      fail("profile: {} threads pinned to {} core(s) would wait for each other; give at least {} cores", threads,
           options.cores.size(), threads);
    }
  }
  if (options.one_by_one && options.behind) fail("profile: behind: expected stages that are timed in turns");
  if (options.one_by_one && options.energy) fail("profile: energy: expected stages that are timed in turns");
  if (!options.one_by_one && !options.by_node.empty()) {
    fail("profile: by_node: found {} stages, expected none where they are timed in turns", options.by_node.size());
  }
}

bool asked_for(const ProfileOptions& options, const std::string& row) {
  return options.only.empty() || std::ranges::find(options.only, row) != options.only.end();
}

// What every feature stage starts from: the carried maps of all images, made once. [images, carry_size]
std::vector<float> carried_maps(const plan::Plan& plan, const fs::path& directory, int source, Images images,
                                const std::string& provider) {
  const std::string engine = engine::spec_of_provider(provider).engine;
  std::vector<std::unique_ptr<engine::Session>> way(plan.stages.size());  // the stages that lead there
  for (int at = source;; at = plan.stages[at].source) {
    way[at] = open_stage(plan.stages[at], directory, 1, engine::spec_of_engine(engine).provider);
    if (plan.stages[at].input == plan::StageInput::image) break;
  }
  runtime::CascadeWalk walk(plan, way, 1);
  std::vector<float> maps;
  for (const ImageView& image : images) {
    walk.run({&image, 1});
    const auto map = walk.carry(source);
    maps.insert(maps.end(), map.begin(), map.end());
  }
  return maps;
}

// What the plan's runtime asks of a stage.
StageUse use_of(const plan::Plan& plan, std::size_t index) {
  return {.preprocess = plan.stages[index].preprocess,
          .exit = plan.stages[index].exit,
          .hands_over = index + 1 < plan.stages.size(),
          .carries = std::ranges::any_of(plan.stages, [&](const plan::Stage& later) {
            return later.input == plan::StageInput::features && later.source == static_cast<int>(index);
          })};
}

class PlanRunner {
 public:
  PlanRunner(const fs::path& directory, const std::string& engine, int threads, Images images) : images_(images) {
    const double start = steady_seconds();
    auto loaded = Classifier::load(directory.string(), {.engine = engine, .threads = threads});
    if (!loaded) fail("{}", loaded.error().message);
    load_ms_ = (steady_seconds() - start) * 1e3;
    classifier_ = std::make_unique<Classifier>(std::move(*loaded));
  }
  double load_ms() const { return load_ms_; }

  void run(std::size_t run, int batch) {
    views_.resize(batch);
    outcomes_.resize(batch);
    for (int i = 0; i < batch; ++i) views_[i] = image_at(images_, run * batch + i);
    if (batch == 1) {
      const auto outcome = classifier_->classify(views_[0]);
      if (!outcome) fail("{}", outcome.error().message);
    } else if (const Status status = classifier_->classify(views_, outcomes_); !status) {
      fail("{}", status.error().message);
    }
  }

 private:
  Images images_;
  std::unique_ptr<Classifier> classifier_;
  double load_ms_ = 0;
  std::vector<ImageView> views_;
  std::vector<Outcome> outcomes_;
};

struct Subjects {
  std::vector<cost::CostKey> keys;
  std::vector<double> load_ms;
  std::vector<Callable> callables;

  template <class Runner>
  void add(const std::shared_ptr<Runner>& runner, double runner_load_ms, cost::CostKey key) {
    load_ms.push_back(runner_load_ms);
    callables.push_back([runner, batch = key.batch](std::size_t run) { runner->run(run, batch); });
    keys.push_back(std::move(key));
  }
};

void add_energy(cost::CostTable& table, const std::vector<Callable>& callables, const ProfileOptions& options,
                const std::function<void(std::size_t done)>& progress) {
  table.energy_source = options.energy->text;
  if (!options.energy->source) return;
  EnergySource& source = *options.energy->source;
  const std::vector<EnergyMeasurement> measured = measure_energy(
      callables, options.energy_options, source, {}, [&](std::size_t done, std::size_t) { progress(done); });
  for (std::size_t i = 0; i < measured.size(); ++i) table.entries[i].energy = measured[i].cost(source.name());
}

void add_behind(cost::CostTable& table, const std::vector<Callable>& callables, const ProfileOptions& options,
                const std::function<void(std::size_t round)>& progress) {
  std::vector<std::size_t> rows;
  std::vector<Callable> stages;
  for (std::size_t i = 0; i < callables.size(); ++i) {
    const cost::CostKey& key = table.entries[i].key;
    if (key.stage == kWholePlan || key.batch != 1 || key.threads != options.threads.front()) continue;
    rows.push_back(i);
    stages.push_back(callables[i]);
  }
  if (stages.size() < 2) return;
  const auto ratios = behind_ratios(stages, options.measure, steady_seconds, progress);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    cost::CostSample& entry = table.entries[rows[i]];
    for (std::size_t j = 0; j < rows.size(); ++j)
      if (i != j) entry.behind.push_back({table.entries[rows[j]].key.stage, ratios[i][j] * entry.latency_us.mean});
  }
}

using CarriedMaps = std::map<int, std::vector<float>>;  // by source stage

Profile one_by_one(const plan::Plan& plan, const fs::path& directory, Images images, const ProfileOptions& options,
                   const CarriedMaps& maps, const std::function<void(std::size_t)>& progress) {
  Profile result{.table = {.machine = machine_context(), .engine_version = engine_version_of(options.provider)}};
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    if (!asked_for(options, stage.name)) continue;
    const auto* carried = stage.input == plan::StageInput::features ? &maps.at(stage.source) : nullptr;
    const bool by_node = std::ranges::find(options.by_node, stage.name) != options.by_node.end();
    for (const int threads : options.threads) {
      for (const int batch : options.batches) {
        if (progress) progress(result.evidence.size());
        const auto open = [&](const std::string& profile) {
          return open_stage(stage, directory, threads, options.provider, profile);
        };
        Visit visit = visit_stage(open, stage.onnx, use_of(plan, s), images, carried,
                                  {.measure = options.measure, .batch = batch, .by_node = by_node});
        result.table.entries.push_back({.key = row_key(options.provider, &stage, threads, batch),
                                        .latency_us = visit.measured.latency_us,
                                        .first_inference_us = visit.measured.first_us,
                                        .load_ms = visit.load_ms,
                                        .stable = visit.measured.stable,
                                        .nodes = std::move(visit.nodes)});
        result.evidence.push_back(std::move(visit.measured));
      }
    }
  }
  return result;
}

Profile profile(const plan::Plan& plan, const fs::path& directory, Images images, const ProfileOptions& options,
                bool whole_plan, const std::function<void(std::size_t)>& progress) {
  check_images(plan, images);
  check_options(options);
  const PinnedScope pinned(options.cores);  // before any session: its threads inherit it

  CarriedMaps maps;
  for (const plan::Stage& stage : plan.stages) {
    if (!asked_for(options, stage.name)) continue;
    if (stage.input == plan::StageInput::features && !maps.contains(stage.source)) {
      maps[stage.source] = carried_maps(plan, directory, stage.source, images, options.provider);
    }
  }
  const std::string engine = engine::spec_of_provider(options.provider).engine;
  if (options.one_by_one) return one_by_one(plan, directory, images, options, maps, progress);
  Subjects subjects;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    if (!asked_for(options, stage.name)) continue;
    const auto* carried = stage.input == plan::StageInput::features ? &maps.at(stage.source) : nullptr;
    for (const int threads : options.threads) {
      for (const int batch : options.batches) {  // a session each, so that first inferences and load times are true
        const double start = steady_seconds();
        auto session = open_stage(stage, directory, threads, options.provider);
        const double load_ms = (steady_seconds() - start) * 1e3;
        const std::string file = stage_file(stage, directory, options.provider).filename().string();
        subjects.add(std::make_shared<StageRunner>(std::move(session), file, use_of(plan, s), images, carried), load_ms,
                     row_key(options.provider, &stage, threads, batch));
      }
    }
  }
  if (whole_plan && runs_plans(options.provider) && asked_for(options, kWholePlan)) {
    for (const int threads : options.threads) {
      for (const int batch : options.batches) {
        const auto runner = std::make_shared<PlanRunner>(directory, engine, threads, images);
        subjects.add(runner, runner->load_ms(), row_key(options.provider, nullptr, threads, batch));
      }
    }
  }

  Profile result;
  std::size_t rounds = 0;
  result.evidence = measure_interleaved(subjects.callables, options.measure, steady_seconds, [&](std::size_t round) {
    rounds = round;
    if (progress) progress(round);
  });
  result.table.machine = machine_context();
  result.table.engine_version = engine_version_of(options.provider);
  for (std::size_t i = 0; i < subjects.keys.size(); ++i) {
    const Measurement& measured = result.evidence[i];
    result.table.entries.push_back({.key = subjects.keys[i],
                                    .latency_us = measured.latency_us,
                                    .first_inference_us = measured.first_us,
                                    .load_ms = subjects.load_ms[i],
                                    .stable = measured.stable});
  }
  if (options.behind) {
    add_behind(result.table, subjects.callables, options, [&, before = rounds](std::size_t round) {
      rounds = before + round;
      if (progress) progress(rounds);
    });
  }
  if (options.energy) {
    add_energy(result.table, subjects.callables, options, [&](std::size_t done) {
      if (progress) progress(rounds + done);
    });
  }
  return result;
}

}  // namespace

Profile profile_plan(const fs::path& plan_directory, Images images, const ProfileOptions& options,
                     const std::function<void(std::size_t)>& progress) {
  const plan::Plan plan = plan::load_plan(plan_directory);
  return profile(plan, plan_directory, images, options, options.whole_plan, progress);
}

Profile profile_stages(const plan::Plan& plan, const fs::path& directory, Images images, const ProfileOptions& options,
                       const std::function<void(std::size_t)>& progress) {
  return profile(plan, directory, images, options, false, progress);
}

std::vector<std::string> disturbed_rows(const cost::CostTable& table) {
  std::vector<std::string> out;
  for (const cost::CostSample& entry : table.entries) {
    if (entry.stable) continue;
    out.push_back(
        std::format("the latency of '{}' was measured on a disturbed machine ({})", entry.key.stage,
                    entry.unstable_because.empty() ? "its windows differ by more than 10 %" : entry.unstable_because));
  }
  return out;
}

Json latency_summary(const cost::CostTable& table) {
  int threads = 0;
  for (const cost::CostSample& entry : table.entries) {
    if (entry.key.batch == 1 && (threads == 0 || entry.key.threads < threads)) threads = entry.key.threads;
  }
  if (threads == 0) fail("latency summary: no entry with batch 1 in the cost table");
  const std::string engine = table.entries.front().key.engine;
  Json stages = Json::object();
  for (const cost::CostSample& entry : table.entries) {
    if (entry.key.batch != 1 || entry.key.threads != threads) continue;
    const Summary& s = entry.latency_us;
    stages[entry.key.stage] = {{"mean", s.mean}, {"median", s.median}, {"p90", s.p90},
                               {"p95", s.p95},   {"p99", s.p99},       {"first_inference", entry.first_inference_us}};
  }
  return {{"unit", "us"},
          {"batch", 1},
          {"threads", threads},
          {"engine", engine + " " + table.engine_version},
          {"machine", table.machine},
          {"stages", stages}};
}

}  // namespace triage::measure
