#include "workflow/search/fixed_nets.h"

#include <algorithm>
#include <format>

#include "core/files/temporary.h"
#include "core/system/cpu.h"
#include "engine/registry.h"
#include "family/fixed/fixed.h"
#include "workflow/build/plan_source.h"
#include "workflow/cascade/ask_net.h"
#include "workflow/cascade/int8_nets.h"
#include "workflow/cascade/measure_nets.h"
#include "workflow/config/plan_data.h"

namespace triage::workflow {
namespace {

constexpr const char* kCosts = "fixed_costs.json";

// Images that a plan's nets were trained on must not judge a search.
void require_unseen(const fs::path& directory, const Workspace& w) {
  const std::optional<RunConfig> run = config_of_plan(directory);
  if (!run) return;  // nets of others: what they were trained on is not known here
  const data::Splits theirs =
      data::make_splits(w.dataset, data::resolve_splits(w.dataset.info(), run->route, run->validation, run->seed));
  std::vector<std::uint32_t> trained = theirs.train;
  std::ranges::sort(trained);
  for (const auto* judges : {&w.splits.route, &w.splits.validation}) {
    const auto seen =
        std::ranges::count_if(*judges, [&](std::uint32_t image) { return std::ranges::binary_search(trained, image); });
    if (seen > 0)
      fail(
          "{}: its nets were trained on {} of the images that the search judges by: expected the splits and the seed "
          "of {}",
          directory.string(), seen, w.run.string());
  }
}

// Measured times, as RUN/fixed_costs.json has them.
Json times_to_json(const plan::Plan& plan) {
  Json times = Json::object();
  for (const plan::Stage& stage : plan.stages) times[stage.name] = stage.cost->latency_us.mean;
  return times;
}

}  // namespace

FixedNets::FixedNets(const std::vector<std::string>& plans, const OpenSupernets& supernets) : supernets_(supernets) {
  for (const std::string& directory : plans) add_nets_of(directory);
  std::ranges::stable_sort(nets_, {}, [](const FixedNet& net) { return net.stage.macs; });
}

void FixedNets::add_nets_of(const fs::path& directory) {
  const plan::Plan plan = plan::load_plan(directory);
  const data::DatasetInfo& info = workspace().dataset.info();
  const std::string where = directory.string();
  if (plan.classes != info.classes) fail("{}: found classes that differ from those of {}", where, info.name);
  require_unseen(directory, workspace());
  const std::size_t before = nets_.size();
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const plan::Stage& stage = plan.stages[i];
    const bool read = std::ranges::any_of(plan.stages, [&](const plan::Stage& other) {
      return other.input == plan::StageInput::features && other.source == static_cast<int>(i);
    });
    if (stage.input != plan::StageInput::image || read) continue;
    const plan::InputShape shape{info.channels, info.height, info.width};
    if (!stage.preprocess && plan.input != shape)
      fail("{}: stage '{}': found images of {}x{}, expected {}x{} as the supernet's", where, stage.name,
           plan.input.height, plan.input.width, shape.height, shape.width);
    if (const std::string found = sha256_file(directory / stage.onnx); found != stage.sha256)
      fail("{}: sha256: expected {} as in plan.json, found {}", (directory / stage.onnx).string(), stage.sha256, found);
    const auto same = std::ranges::find(nets_, stage.name, &FixedNet::name);
    if (same != nets_.end())
      fail("{} and {}: expected nets of different names, found two '{}'", same->directory.string(), where, stage.name);
    nets_.push_back({family::fixed_net(stage.name).body, directory, stage});
  }
  if (nets_.size() == before) fail("{}: expected a whole net, found parts of nets alone", where);
}

const FixedNet& FixedNets::of(const family::ArchSpec& net) const {
  const auto found = std::ranges::find(nets_, net.body, &FixedNet::name);
  if (!family::is_fixed(net) || found == nets_.end()) fail("net {}: expected one of the search's nets", net.text());
  return *found;
}

search::SearchedSpaces FixedNets::spaces() const {
  if (nets_.empty()) return {};
  std::vector<std::string> names;
  for (const FixedNet& net : nets_) names.push_back(net.name);
  return {{.space = family::AnySpace::parse(family::fixed_space(names)), .exits = {0}}};
}

std::map<std::string, std::int64_t> FixedNets::macs() const {
  std::map<std::string, std::int64_t> macs;
  for (const FixedNet& net : nets_) macs[family::fixed_net(net.name).text()] = net.stage.macs;
  return macs;
}

Json FixedNets::identity() const {
  Json files = Json::object();
  for (const FixedNet& net : nets_) files[net.name] = net.stage.sha256;
  return files;
}

preprocess::Preprocess FixedNets::preprocess_of(const FixedNet& net) const {
  return whole_net(net.stage, workspace().dataset.info()).preprocess;
}

search::SubnetAnswers FixedNets::ask(const family::ArchSpec& asked, std::span<const std::uint32_t> images,
                                     std::span<const Label> labels) const {
  const FixedNet& net = of(asked);
  const data::Dataset& dataset = workspace().dataset;
  const auto session = open_stage(net.directory, net.stage.onnx);
  search::SubnetAnswers answers{asked.text(), net.stage.macs, net.stage.parameters, {}, {}};
  answers.logits = ask_net(*session, preprocess_of(net), dataset, images);
  answers.accuracy = {share_right(answers.logits, labels)};
  return answers;
}

std::shared_ptr<const cost::CostModel> FixedNets::costs(const fs::path& run, int threads,
                                                        const Context& context) const {
  const Json made_from = {
      {"nets", identity()}, {"threads", threads}, {"machine", cpu_name()}, {"engine", engine::name_and_version({})}};
  Json times;
  if (fs::exists(run / kCosts)) {
    const Json kept = read_sealed_json(run / kCosts);
    if (kept.at("made_from") == made_from) times = kept.at("latency_us");
  }
  if (times.is_null()) {
    const TemporaryDirectory directory("fixed");
    const data::DatasetInfo& info = workspace().dataset.info();
    plan::Plan plan{.name = "fixed nets", .input = {info.channels, info.height, info.width}, .classes = info.classes};
    for (const FixedNet& net : nets_) {
      plan::Stage& stage = plan.stages.emplace_back(net.stage);
      stage.onnx = net.name + ".onnx";
      stage.artifacts.clear();
      stage.cost.reset();
      fs::copy_file(net.directory / net.stage.onnx, directory.path() / stage.onnx);
    }
    measure_nets(plan, directory.path(), workspace().dataset, workspace().splits.validation,
                 {.threads = threads, .context = context});
    times = times_to_json(plan);
    write_sealed_json(run / kCosts, {{"made_from", made_from}, {"latency_us", times}});
  }
  std::map<std::string, cost::FixedCost> costs;
  for (const FixedNet& net : nets_)
    costs[net.name] = {
        .cost = {.latency_us = times.at(net.name).get<double>(), .measured = true},
        .size = {net.stage.macs, net.stage.parameters, net.stage.weight_bytes, net.stage.activation_bytes}};
  Json identity = made_from;
  identity["latency_us"] = times;
  return std::make_shared<cost::FixedCosts>(std::move(costs), std::move(identity));
}

}  // namespace triage::workflow
