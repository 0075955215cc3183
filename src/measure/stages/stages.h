// Costs of a plan: each stage on its own along the path the runtime takes, and the whole plan through the Classifier.
//
// What is timed for a stage is what an image costs that goes through it: conversion of the 8 bit pixels (a feature
// stage starts from the carried map instead), the engine's run and, where the stage can hand over, the exit's score.
// Inputs rotate through real images, so branchy engines and denormals show their true mix.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cost_tables/cost_table.h"
#include "engine/names.h"
#include "measure/energy/energy.h"
#include "measure/latency.h"
#include "measure/stages/images.h"
#include "plan/plan.h"

namespace triage::measure {

struct ProfileOptions {
  std::vector<int> batches{1};  // a run is one batch of this size
  std::vector<int> threads{1};  // of the engine
  // cpu, xnnpack, dnnl: of ONNX Runtime; compiled: the plan's own kernels. The whole plan: with cpu and compiled alone.
  std::string provider = engine::kCpu;
  std::vector<int> cores;         // pin to these; at least as many as the largest of `threads`. Empty: not pinned
  bool whole_plan = true;         // also the row "plan"
  std::vector<std::string> only;  // rows to measure: names of stages, "plan"; empty: all
  bool behind = false;            // also each stage right behind each other one, of the first of `threads`, at batch 1
  bool one_by_one =
      false;  // stages are visited (visit.h) one after another, not timed in turns; no energy, no "plan", no `behind`
  std::vector<std::string> by_node;  // stages whose nodes are timed, too; with one_by_one
  MeasureOptions measure;
  const FoundEnergy* energy = nullptr;  // null: not wanted. Measured when all latencies are, by its source if any
  EnergyOptions energy_options;
};

struct Profile {
  cost::CostTable table;
  std::vector<Measurement> evidence;  // one per table entry, same order
};

// Rounds of all (stage, batch, threads) interleaved. `progress` gets the round's number, from 0; windows of energy go
// on counting; one by one it gets the number of stages that are done. Throws Error when a stage cannot be opened or
// run, or when there are no images or they are not of the plan's size.
Profile profile_plan(const fs::path& plan_directory, Images images, const ProfileOptions& options,
                     const std::function<void(std::size_t round)>& progress = {});

// The same for stages alone, of a plan that is still being put together: stage files lie in `directory`, routers and
// thresholds may be missing. options.whole_plan is ignored.
Profile profile_stages(const plan::Plan& plan, const fs::path& directory, Images images, const ProfileOptions& options,
                       const std::function<void(std::size_t round)>& progress = {});

// What a person should hear of the rows that are not stable, one sentence each.
std::vector<std::string> disturbed_rows(const cost::CostTable& table);

// latency.json: {"unit": "us", "batch": 1, "threads": t, "engine": ..., "stages": {NAME: {"mean", "median", "p90",
// "p95", "p99", "first_inference"}}} for the batch-1 entries with the fewest threads.
Json latency_summary(const cost::CostTable& table);

}  // namespace triage::measure
