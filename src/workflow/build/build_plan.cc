// From trained networks, and imported ones, to a plan.
//   1 export every stage without a score, prove it equal to LibTorch or to the integer arithmetic (an imported one is
//     taken as it is), hash it
//   2 measure every stage (costs.json) and ask every stage about the route and validation splits (scores/)
//   3 fit temperatures, answers together, routers and the policy on the route split, choose thresholds, or one net
//   alone,
//     on the validation split
//   4 export again with the scores, write plan.json and curve.json, compose the single-file model
// All of it beside the old plan, whose place it takes in the end: until then nothing of before changes.
#include "core/progress.h"
#include "core/system/machine.h"
#include "cost_tables/measured_on.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "exporting/plan/plan_model.h"
#include "measure/stages/stage_engine.h"
#include "route/router/fit_routing.h"
#include "workflow/build/attach_costs.h"
#include "workflow/build/kernels_program.h"
#include "workflow/build/known_costs.h"
#include "workflow/build/measure_plan.h"
#include "workflow/build/plan_source.h"
#include "workflow/build/plan_with_curve.h"
#include "workflow/build/stage_counts.h"
#include "workflow/run/new_plan.h"

namespace triage::workflow {
namespace {

// What a network of the run is as a stage.
plan::Stage network_stage(const StageSource& source, const plan::Plan& plan, bool last) {
  plan::Stage stage;
  stage.arch = source.network->arch();
  const int features = source.network->options().features_block;
  if (!last && features >= source.first_block && features < source.end_block())
    stage.feature_width = stage.arch.blocks[static_cast<std::size_t>(features)].back();
  stage.precision = source.int8 ? plan::Precision::int8 : plan::Precision::fp32;
  stage.activation_bytes =
      cost::stage_size(source.segment(), plan.input, static_cast<int>(plan.classes.size())).activation_bytes;
  return stage;
}

// Stage entries with files, hashes and sizes; nothing measured or routed yet.
plan::Plan bare_plan(const Workspace& w, const std::vector<StageSource>& sources, const fs::path& directory) {
  const data::DatasetInfo& info = w.dataset.info();
  plan::Plan plan;
  plan.name = w.config.name;
  plan.input = {info.channels, info.height, info.width};
  plan.fit = info.fit;
  plan.classes = info.classes;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const StageSource& source = sources[i];
    const bool last = i + 1 == sources.size();
    plan::Stage stage = source.imported ? source.imported->net.stage : network_stage(source, plan, last);
    if (last) stage.feature_width = 0;  // nobody reads them
    if (source.source >= 0) {
      stage.input = plan::StageInput::features;
      stage.source = source.source;
    }
    stage.name = source.name;
    stage.onnx = source.name + ".onnx";
    if (!source.imported)
      set_counts(stage, model::count(exporting::stage_to_graph(stage_model(w, sources, i, std::nullopt, plan.policy))));
    const std::string bytes = stage_file(w, sources, i, std::nullopt, plan.policy);
    write_file_atomic(directory / stage.onnx, bytes);
    stage.sha256 = sha256_hex(bytes);
    check_stage_parity(w, sources, i, directory);
    plan.stages.push_back(std::move(stage));
  }
  return plan;
}

cost::CostTable costs_of_this_machine(const fs::path& file) {
  cost::CostTable table = cost::load_cost_table(file);
  cost::require_measured_on(cost::measured_on(table),
                            {.machine = machine_context(), .engine_version = engine::version_of({})},
                            file.string() + ": 'triage build --remeasure' measures here");
  return table;
}

// Into `directory`, as the rest of the new plan.
cost::CostTable measured_costs(const Workspace& w, const plan::Plan& plan, const fs::path& directory,
                               const BuildOptions& options) {
  const fs::path file = directory / "costs.json", latencies = directory / "latency.json";
  const bool again = options.remeasure || options.energy.source != "auto";
  if (!again && are_measured(w.run, plan, options.threads)) {
    cost::CostTable known = costs_of_this_machine(w.run / "costs.json");
    write_file_atomic(file, read_file(w.run / "costs.json"));
    write_file_atomic(latencies, read_file(w.run / "latency.json"));
    return known;
  }
  measure::ProfileOptions profile_options;
  profile_options.threads = {options.threads};
  EnergyChoice choice = options.energy;
  choice.places.stop = w.context.stop;
  const measure::FoundEnergy energy = choice.find();
  profile_options.energy = &energy;
  profile_options.energy_options = choice.options();
  Progress progress(w.context, "measure", 0, "rounds");
  cost::CostTable measured =
      measure_plan(w, plan, directory, profile_options, [&](std::size_t round) { progress.update(round); });
  progress.finish();
  write_json(latencies, measure::latency_summary(measured));
  return measured;
}

// Temperatures, routers, policy: what is said of them goes to the user and beside the plan.
route::FittedRouting attach_routing(const Workspace& w, plan::Plan& plan, const route::ScoreTable& route_scores,
                                    const route::ScoreTable& validation_scores, const BuildOptions& options,
                                    const fs::path& directory) {
  route::FittedRouting fitted = route::fit_routing(plan, route_scores, validation_scores,
                                                   {.policy = options.policy,
                                                    .answers_together = options.answers_together,
                                                    .routers = w.config.router,
                                                    .metric = options.metric});
  for (const std::string& note : fitted.notes) w.context.message("build: " + note);
  if (plan.stages.size() < 2) return fitted;
  route::save_router_pt(directory / "router.pt", fitted.trained.routers);
  write_json(directory / "router.json", fitted.trained.report);
  return fitted;
}

// Only stage `single` is left of the plan.
void drop_others(std::vector<StageSource>& sources, std::size_t single, const fs::path& directory) {
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (i != single) fs::remove(directory / (sources[i].name + ".onnx"));
  StageSource left = std::move(sources[single]);
  left.carry = false;
  sources.clear();
  sources.push_back(std::move(left));
}

Json provenance(const Workspace& w, const std::vector<StageSource>& sources, const BuildOptions& options,
                const Json& routing, const std::vector<std::string>& warnings) {
  Json nets = Json::object();
  for (const StageSource& source : sources)
    if (source.imported) nets[source.name] = source.imported->net.sha256;
  return {{"command", "triage build"},
          {"config", w.config.name},
          {"imported", nets},
          {"seed", w.config.seed},
          {"data", {{"name", w.dataset.info().name}, {"sha256", w.dataset.info().sha256}}},
          {"splits",
           {{"train", w.splits.train.size()},
            {"route", w.splits.route.size()},
            {"validation", w.splits.validation.size()},
            {"test", w.splits.test.size()}}},
          {"engine", engine::name_and_version({})},
          {"threads", options.threads},
          {"routing", routing},
          {"warnings", warnings},
          {"machine", machine_context()},
          {"git", git_revision()},
          {"date", iso_time_now()}};
}

void quantize(const Workspace& w, std::vector<StageSource>& sources, const fs::path& directory) {
  const auto wanted = std::ranges::count(sources, plan::Precision::int8, &StageSource::precision);
  if (wanted == 0) return;
  Progress progress(w.context, "quantise", static_cast<std::uint64_t>(wanted), "stages");
  write_json(directory / "int8.json",
             quantize_stages(w, sources, static_cast<std::size_t>(w.config.int8_images), true, &progress));
  progress.finish();
}

// Nets of others may be of operators that one file cannot hold: then there is none, and this is said.
void compose(const plan::Plan& plan, const fs::path& directory, const Context& context) {
  try {
    exporting::save_model(directory / "plan.onnx", exporting::compose_plan(directory));
  } catch (const Error& error) {
    if (std::ranges::none_of(plan.stages, [](const plan::Stage& stage) { return stage.arch.blocks.empty(); })) throw;
    context.message(std::format("build: no plan.onnx: {}", error.what()));
  }
}

std::string schedules_of(const KernelsRequest& request) {
  if (request.untuned) return "default schedules";
  const std::string& store = request.tuning.store;
  return fs::exists(store) ? "schedules of " + store : "default schedules (" + store + " is not here)";
}

// A plan that had kernels gets them again, for the same target; one that cannot has none, and this is said.
void compile_as_before(const fs::path& before, const fs::path& made, const Context& context) {
  std::string target = "this";
  try {
    const std::optional<KernelsRequest> request = kernels_request_of(before);
    if (!request) return;
    target = request->tuning.target;
    const std::size_t kernels = make_kernels(made, *request, context.stop).kernels;
    context.message(std::format("build: the plan before was compiled; so is this one: {} kernels for target {}, {}",
                                kernels, target, schedules_of(*request)));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    context.message(
        std::format("warning: the plan before was compiled, this one is not: {}\n"
                    "         'triage compile {} --target {}' makes its kernels",
                    error.what(), before.string(), target));
  }
}

}  // namespace

plan::Plan build_plan(const Workspace& w, std::vector<StageSource> sources, const BuildOptions& options) {
  const StepTimer timer(w.run, "build");
  NewPlan made(w.run);
  const fs::path &directory = made.directory(), scores = w.run / "scores";
  fs::create_directories(scores);

  quantize(w, sources, directory);
  plan::Plan plan = bare_plan(w, sources, directory);
  const cost::CostTable costs = measured_costs(w, plan, directory, options);
  const Json made_from = costs_made_from(plan, options.threads, directory / "costs.json");
  attach_costs(plan, costs, options.threads);
  measure_preprocessing(w, plan);
  const route::ScoreTable route_scores =
      route::score_plan(plan, directory, w.dataset, w.splits.route, scores / "route.bin", w.threads,
                        {.label = "score route split", .context = w.context});
  const route::ScoreTable validation_scores =
      route::score_plan(plan, directory, w.dataset, w.splits.validation, scores / "validation.bin", w.threads,
                        {.label = "score validation split", .context = w.context});

  const route::FittedRouting routing = attach_routing(w, plan, route_scores, validation_scores, options, directory);
  auto [warnings, single] = choose_point(plan, validation_scores,
                                         {.target = options.target,
                                          .metric = options.metric,
                                          .reach = options.reach,
                                          .budgets = options.budgets,
                                          .single_net = options.single_net},
                                         costs.energy_source);
  if (single) drop_others(sources, *single, directory);
  for (const std::string& text : measure::disturbed_rows(costs))
    warnings.push_back(text + "; 'triage build --remeasure' measures again");

  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const bool last = i + 1 == plan.stages.size();
    plan::Stage& stage = plan.stages[i];
    const std::optional<plan::Exit> exit = last ? std::nullopt : std::optional(stage.exit);
    const std::string bytes = stage_file(w, sources, i, exit, plan.policy);
    write_file_atomic(directory / stage.onnx, bytes);
    stage.sha256 = sha256_hex(bytes);
    check_stage_parity(w, sources, i, directory);
  }
  plan.provenance = provenance(w, sources, options, to_json(routing), warnings);
  const std::vector<std::size_t> left(single ? 1 : 0, single.value_or(0));
  save_plan_with_curve(directory, plan, single ? route::table_of_stages(validation_scores, left) : validation_scores,
                       options.metric, plan.provenance.at("data"));
  compose(plan, directory, w.context);
  compile_as_before(w.run / "plan", directory, w.context);
  made.publish();
  write_json(costs_key(w.run), made_from);
  for (const std::string& text : warnings) w.context.message("build: warning: " + text);
  return plan::load_plan(w.run / "plan");
}

}  // namespace triage::workflow
