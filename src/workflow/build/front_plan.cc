#include "workflow/build/front_plan.h"

#include <algorithm>
#include <array>

#include "engine/onnxruntime/onnx_trim.h"
#include "family/fixed/fixed.h"
#include "workflow/search/refined_config.h"

namespace triage::workflow {

void require_supernet_of(const search::Front& front, const OpenSupernets& supernets, const FixedNets& fixed,
                         const fs::path& run) {
  Json here = identity_of(supernets);
  if (!fixed.empty()) here["nets"] = fixed.identity();
  for (const auto& [key, value] : here.items()) {
    if (!front.identity.contains(key) || front.identity[key] == value) continue;
    fail("{}: was found with another supernet or other data than {}: {}: expected {}, found {}",
         (run / "front.json").string(), supernets.first().directory.string(), key, front.identity[key].dump(),
         value.dump());
  }
}

namespace {

// A net that is taken as it is, in whatever precision: its file without the score of the plan that it stood in.
StageSource fixed_stage(const fs::path& run, const FixedNet& net, const std::string& name) {
  constexpr std::array<std::string_view, 2> kKept{"logits", "features"};
  const fs::path file = net.directory / net.stage.onnx;
  const std::string bytes = engine::trim_model(read_file(file), kKept, file.string());
  ImportedStage imported{.net = {.stage = net.stage, .sha256 = net.stage.sha256},
                         .file = run / "imported" / (name + ".onnx")};
  fs::create_directories(imported.file.parent_path());
  write_file_atomic(imported.file, bytes);
  plan::Stage& stage = imported.net.stage;
  stage.name = name;
  stage.onnx = imported.file.filename();
  stage.sha256 = sha256_hex(bytes);
  stage.artifacts.clear();
  stage.cost.reset();
  stage.exit = {};
  return {.name = name, .network = nullptr, .imported = std::move(imported)};
}

}  // namespace

std::vector<StageSource> cut_stages(const Workspace& workspace, const OpenSupernets& supernets, const FixedNets& fixed,
                                    const search::Genome& genome) {
  std::vector<StageSource> stages;
  for (std::size_t i = 0; i < genome.nets.size(); ++i) {
    const search::Net& leg = genome.nets[i];
    if (family::is_fixed(leg.arch)) {
      stages.push_back(fixed_stage(workspace.run, fixed.of(leg.arch), net_name(i)));
      continue;
    }
    const OpenSupernet& supernet = supernets.of(leg.arch);
    add_stages(stages, workspace,
               {.name = net_name(i),
                .network = supernet.cutter().cut(leg.arch),
                .exits = leg.early,
                .precision = leg.precision,
                .weights = supernet.file});
  }
  return stages;
}

// A device's times say nothing about what is measured here: of its front comes the point, thresholds included, and no
// budget of time holds.
void use_front_of_device(const SearchConfig& config, const fs::path& run, BuildOptions& options,
                         const Context& context) {
  options.target = {};
  options.budgets.mean_latency_us.reset();
  options.budgets.p90_latency_us.reset();
  options.budgets.worst_latency_us.reset();
  context.message(std::format(
      "build: the front's latencies are of {}; those in the plan are measured on this machine, and budgets of latency "
      "are not checked. 'triage profile {} --data FILE --device {}' measures the plan there",
      config.device, (run / "plan").string(), config.device));
}

plan::Plan build_from_front(const SearchConfig& config, const fs::path& run, BuildOptions options, bool other_policy,
                            const Context& context) {
  search::Front front = front_of(run);
  const OpenSupernets supernets(config.supernets, context, train::ComputeType::fp32);
  const FixedNets fixed(config.nets, supernets);
  require_supernet_of(front, supernets, fixed, run);
  Workspace workspace(run_config_of(config.supernets[0]), run, context);
  workspace.config.name = config.name;
  options.threads = config.threads;
  const BuildTarget target = options.target;
  if (!config.device.empty()) use_front_of_device(config, run, options, context);
  while (true) {
    const search::FrontPoint& point = point_of(front, target);
    if (!other_policy) options.policy = point.genome.policy;
    options.reach = options.target.latency_us || options.target.accuracy || options.target.max_drop
                        ? std::vector<double>{}
                        : point.reach;
    context.message("building " + point.genome.text());
    try {
      return build_plan(workspace, cut_stages(workspace, supernets, fixed, point.genome), options);
    } catch (const OverBudget& error) {
      context.message(std::string(error.what()) + "; trying another point of the front");
    }
    front.points.erase(front.points.begin() + (&point - front.points.data()));
  }
}

}  // namespace triage::workflow
