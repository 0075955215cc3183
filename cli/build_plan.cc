// From trained networks to a plan.
//   1 export every stage without a score, prove it equal to LibTorch, hash it
//   2 measure every stage (costs.json) and ask every stage about the route and validation splits (scores/)
//   3 fit temperatures and routers on the route split, choose thresholds on the validation split
//   4 export again with the scores, compose the single-file model, write plan.json last
#include "cli/stage_files.h"
#include "core/machine.h"
#include "core/progress.h"
#include "export/from_network.h"
#include "export/plan_model.h"
#include "route/curve.h"
#include "route/temperature.h"

namespace triage::cli {
namespace {

constexpr std::size_t kProfileImages = 512;

exporting::StageModel stage_model(const Workspace& w, const StageConfig& stage, bool last,
                                  const std::optional<plan::Exit>& exit, plan::PolicyKind policy) {
  exporting::StageOptions options;
  options.name = stage.name;
  options.classes = w.dataset.info().classes;
  options.mean = w.normalization.mean;
  options.stddev = w.normalization.stddev;
  options.features = !last;
  options.exit = exit;
  options.policy = policy;
  supernet::Network network = train::load_trained(w.job(stage), train::Precision::fp32);
  return exporting::stage_from_network(*network, options);
}

// Stage entries with files, hashes and sizes; nothing measured or routed yet.
plan::Plan bare_plan(const Workspace& w, plan::PolicyKind policy, const fs::path& directory) {
  const data::DatasetInfo& info = w.dataset.info();
  plan::Plan plan;
  plan.name = w.config.name;
  plan.input = {info.channels, info.height, info.width};
  plan.classes = info.classes;
  plan.policy = policy;
  for (const StageConfig& config : w.config.stages) {
    const bool last = &config == &w.config.stages.back();
    plan::Stage stage;
    stage.name = config.name;
    stage.arch = config.space.largest();
    stage.onnx = config.name + ".onnx";
    stage.feature_width = last ? 0 : stage.arch.blocks[config.features_block].back();
    const plan::ArchCost cost = plan::arch_cost(stage.arch, plan.input, static_cast<int>(plan.classes.size()));
    stage.macs = cost.macs;
    stage.parameters = cost.parameters;
    const std::string bytes = stage_file(stage_model(w, config, last, std::nullopt, policy));
    write_file_atomic(directory / stage.onnx, bytes);
    stage.sha256 = sha256_hex(bytes);
    check_stage_parity(w, *train::load_trained(w.job(config), train::Precision::fp32), directory / stage.onnx, !last);
    plan.stages.push_back(std::move(stage));
  }
  return plan;
}

// The first validation images, as one block.
std::vector<std::uint8_t> profile_pixels(const Workspace& w) {
  std::vector<std::uint8_t> pixels;
  for (std::size_t i = 0; i < std::min(kProfileImages, w.splits.validation.size()); ++i) {
    const std::uint8_t* image = w.dataset.image(w.splits.validation[i]);
    pixels.insert(pixels.end(), image, image + w.dataset.image_bytes());
  }
  return pixels;
}

plan::CostTable measured_costs(const Workspace& w, const plan::Plan& plan, const fs::path& directory,
                               const BuildOptions& options) {
  const fs::path file = w.run / "costs.json";
  std::vector<std::string> hashes;
  for (const plan::Stage& stage : plan.stages) hashes.push_back(stage.sha256);
  const Json made_from = {{"stages", hashes}, {"threads", options.threads}};
  const fs::path key = w.run / "checkpoint" / "costs.key.json";
  if (!options.remeasure && fs::exists(file) && fs::exists(key) && read_json(key) == made_from)
    return plan::load_cost_table(file);
  const std::vector<std::uint8_t> pixels = profile_pixels(w);
  const profile::Images images{pixels, static_cast<int>(pixels.size() / w.dataset.image_bytes()), plan.input.height,
                               plan.input.width, plan.input.channels};
  profile::ProfileOptions profile_options;
  profile_options.threads = {options.threads};
  profile_options.measure.max_seconds = w.config.profile_seconds * 3;
  profile_options.measure.min_seconds = w.config.profile_seconds;
  Progress progress("measure", 0, "rounds");
  const profile::Profile measured = profile::profile_stages(plan, directory, images, profile_options,
                                                            [&](std::size_t round) { progress.update(round); });
  progress.finish();
  plan::save_cost_table(file, measured.table);
  write_json(w.run / "latency.json", profile::latency_summary(measured.table));
  write_json(key, made_from);
  return measured.table;
}

void attach_costs(plan::Plan& plan, const plan::CostTable& table, int threads) {
  for (plan::Stage& stage : plan.stages) {
    plan::CostKey key;
    key.stage = stage.name;
    key.threads = threads;
    const plan::CostEntry* entry = table.find(key);
    if (!entry) fail("costs.json: expected an entry for stage '{}' at {} threads, found none", stage.name, threads);
    stage.cost = plan::StageCost{entry->latency_us, entry->first_inference_us, entry->load_ms};
  }
}

void attach_routers(const Workspace& w, plan::Plan& plan, const route::ScoreTable& table,
                    const std::vector<double>& temperatures) {
  const route::TrainedRouters trained =
      route::train_routers(table, temperatures, route::path_latency_us(plan), w.config.router);
  for (std::size_t i = 0; i < trained.routers.size(); ++i) plan.stages[i].exit.router = trained.routers[i];
  route::save_router_pt(w.run / "router.pt", trained.routers);
  write_json(w.run / "router.json", trained.report);
}

// Thresholds and what they promise, from the validation split.
void choose_point(plan::Plan& plan, const route::ScoreTable& validation, const BuildTarget& target) {
  if (plan.stages.size() == 1) return;
  const route::Verdicts verdicts = route::verdicts(validation);
  const route::ExitScores scores = route::policy_scores(plan, plan.policy, validation);
  const std::vector<double> path = route::path_latency_us(plan);
  const std::vector<route::CurvePoint> curve = route::CurveMaker(verdicts.correct, scores, path).curve();
  const route::CurvePoint& point = target.latency_us ? route::most_accurate(curve, *target.latency_us)
                                   : target.accuracy ? route::cheapest(curve, *target.accuracy)
                                                     : route::knee(curve);
  plan::Prediction prediction{point.accuracy, point.latency_us, std::vector<double>(plan.stages.size())};
  for (const std::uint8_t exit : route::exits_taken(scores, point.thresholds)) prediction.exit_share[exit] += 1;
  for (double& share : prediction.exit_share) share /= static_cast<double>(validation.count());
  for (std::size_t i = 0; i + 1 < plan.stages.size(); ++i) plan.stages[i].exit.threshold = point.thresholds[i];
  plan.predicted = prediction;
}

Json provenance(const Workspace& w, const BuildOptions& options) {
  return {{"command", "triage build"},
          {"config", w.config.name},
          {"seed", w.config.seed},
          {"data", {{"name", w.dataset.info().name}, {"sha256", w.dataset.info().sha256}}},
          {"splits",
           {{"train", w.splits.train.size()},
            {"route", w.splits.route.size()},
            {"validation", w.splits.validation.size()},
            {"test", w.splits.test.size()}}},
          {"engine", "onnxruntime " + runtime::onnx_runtime_version()},
          {"threads", options.threads},
          {"machine", machine_context()},
          {"git", git_revision()},
          {"date", iso_time_now()}};
}

}  // namespace

plan::Plan build_plan(const Workspace& w, const BuildOptions& options) {
  const StepTimer timer(w.run, "build");
  const fs::path directory = w.run / "plan", scores = w.run / "scores";
  w.config.require_stages();
  fs::create_directories(directory);
  fs::create_directories(scores);
  fs::remove(directory / "plan.json");  // until everything it names is there

  plan::Plan plan = bare_plan(w, options.policy, directory);
  attach_costs(plan, measured_costs(w, plan, directory, options), options.threads);
  const route::ScoreTable route_scores = route::score_plan(
      plan, directory, w.dataset, w.splits.route, scores / "route.bin", w.threads, {.label = "score route split"});
  const route::ScoreTable validation_scores =
      route::score_plan(plan, directory, w.dataset, w.splits.validation, scores / "validation.bin", w.threads,
                        {.label = "score validation split"});

  const std::vector<double> temperatures = route::fit_temperatures(route_scores);
  for (std::size_t i = 0; i < plan.stages.size(); ++i) plan.stages[i].exit.temperature = temperatures[i];
  if (plan.stages.size() > 1) attach_routers(w, plan, route_scores, temperatures);
  choose_point(plan, validation_scores, options.target);

  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const bool last = i + 1 == plan.stages.size();
    plan::Stage& stage = plan.stages[i];
    const std::optional<plan::Exit> exit = last ? std::nullopt : std::optional(stage.exit);
    const std::string bytes = stage_file(stage_model(w, w.config.stages[i], last, exit, plan.policy));
    write_file_atomic(directory / stage.onnx, bytes);
    write_file_atomic(w.run / stage.onnx, bytes);
    stage.sha256 = sha256_hex(bytes);
    const supernet::Network network = train::load_trained(w.job(w.config.stages[i]), train::Precision::fp32);
    check_stage_parity(w, *network, directory / stage.onnx, !last);
  }
  plan.provenance = provenance(w, options);
  plan::save_plan(directory, plan);
  exporting::save_model(directory / "plan.onnx", exporting::compose_plan(directory));
  return plan;
}

}  // namespace triage::cli
