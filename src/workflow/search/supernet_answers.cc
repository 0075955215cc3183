#include "workflow/search/supernet_answers.h"

#include "family/fixed/fixed.h"
#include "search/evolve/genome.h"
#include "search/store/sql.h"
#include "workflow/build/plan_source.h"
#include "workflow/cascade/ask_net.h"

namespace triage::workflow {
namespace {

constexpr int kBatch = 64;

// Of those that processes share the work on: not of nets that are taken as they are.
std::vector<std::string> names_of(const std::vector<search::AskedSubnet>& subnets) {
  std::vector<std::string> names;
  for (const auto& [subnet, precision] : subnets) {
    if (!family::is_fixed(subnet)) names.push_back(search::net_text(subnet, precision));
  }
  return names;
}

}  // namespace

SupernetAnswers::SupernetAnswers(const OpenSupernets& supernets, const FixedNets& fixed, const std::string& judged)
    : supernets_(supernets),
      fixed_(fixed),
      route_{"route", labels_of(workspace().dataset, supernets.first().split("route")), {}, {}, {}},
      judged_{judged, labels_of(workspace().dataset, supernets.first().split(judged)), {}, {}, {}} {}

search::LogitStore& SupernetAnswers::store(Split& split, const StoreOf& of) {
  const auto found = split.stores.find(of);
  if (found != split.stores.end()) return found->second;
  return split.stores.emplace(of, open_store(*of.first, {.split = split.name, .precision = of.second})).first->second;
}

search::LogitStore* SupernetAnswers::shared_store(Split& split, const StoreOf& of) {
  if (!search::is_server(at_.location)) return nullptr;
  const auto found = split.shared.find(of);
  if (found != split.shared.end()) return &found->second;
  const auto& [supernet, precision] = of;
  const AnswersAt at{at_.location, std::format("{} {}{}{}", at_.name, split.name,
                                               precision == plan::Precision::fp32 ? "" : " " + to_string(precision),
                                               supernets_.all().size() == 1 ? "" : " " + supernet->family())};
  return &split.shared.emplace(of, open_store(*supernet, {.split = split.name, .precision = precision}, at))
              .first->second;
}

void SupernetAnswers::share(const std::string& location, const std::string& name) {
  at_ = {location, name};
  work_.emplace(location, name, scoring_identity(supernets_, {.split = judged_.name}, location));
}

// Subnets are named as nets are: "12-32-96", "12-32-96/int8".
SubnetScoring SupernetAnswers::scoring() {
  const auto parse = [](const std::string& text) -> search::AskedSubnet {
    auto [subnet, precision] = search::net_from_text(text, "subnet " + text);
    return {std::move(subnet), precision};
  };
  // What this machine has already goes to the server, what the server has comes here.
  const auto known = [this, parse](const std::string& text) {
    const search::AskedSubnet asked = parse(text);
    const family::ArchSpec& subnet = asked.subnet;
    const StoreOf of = store_of(asked);
    bool all = true;
    for (Split* split : {&route_, &judged_}) {
      search::LogitStore& here = store(*split, of);
      search::LogitStore* const there = shared_store(*split, of);
      const bool kept = here.has(subnet), shared = there != nullptr && there->has(subnet);
      if (kept && there != nullptr && !shared) there->insert(*here.find(subnet));
      if (!kept && shared) here.insert(*there->find(subnet));
      all = all && (kept || shared);
    }
    return all;
  };
  const auto score = [this, parse](const std::string& text) {
    const auto [subnet, precision] = parse(text);
    ask(subnet, precision);
  };
  return {.known = known, .score = score};
}

void SupernetAnswers::want(const std::vector<search::AskedSubnet>& subnets) {
  std::vector<std::string> missing = names_of(subnets);
  std::erase_if(missing, scoring().known);
  work_->want(missing);
}

void SupernetAnswers::prepare(const std::vector<search::AskedSubnet>& subnets) {
  if (work_) score_together(*work_, names_of(subnets), scoring(), workspace().context);
}

std::size_t SupernetAnswers::score_for_others() {
  return workflow::score_for_others(*work_, scoring(), workspace().context);
}

// What the stages of one network say, one after the other, of the images of a split.
SupernetAnswers::Said SupernetAnswers::ask_stages(const OpenSupernet& supernet, const Int8Subnet& subnet,
                                                  const Split& split) {
  const std::vector<std::uint32_t>& images = supernet.split(split.name);
  const std::size_t count = images.size(), classes = static_cast<std::size_t>(supernet.trained.network->classes());
  Said said{.logits = std::vector<float>(subnet.stages.size() * count * classes), .accuracy = {}};
  for (std::size_t first = 0; first < count; first += kBatch) {
    const std::size_t n = std::min<std::size_t>(kBatch, count - first);
    const std::vector<float> part =
        network_inputs(supernet.workspace, std::span(images).subspan(first, n), subnet.preprocess);
    exporting::run_chain(
        subnet.stages, part, static_cast<int>(n), [&](std::size_t exit, const exporting::NamedOutputs& outputs) {
          std::ranges::copy(outputs.at("logits"),
                            said.logits.begin() + static_cast<std::ptrdiff_t>((exit * count + first) * classes));
        });
  }
  for (std::size_t exit = 0; exit < subnet.stages.size(); ++exit)
    said.accuracy.push_back(
        share_right(std::span(said.logits).subspan(exit * count * classes, count * classes), split.labels));
  return said;
}

SupernetAnswers::Asked SupernetAnswers::asked(const family::ArchSpec& subnet, plan::Precision precision) {
  const OpenSupernet& supernet = supernets_.of(subnet);
  const Workspace& w = supernet.workspace;
  if (!cutters_.contains(&supernet)) cutters_.emplace(&supernet, supernet.cutter());
  const supernet::AnyNetwork network = cutters_.at(&supernet).cut(subnet);
  if (precision == plan::Precision::fp32) {
    return [network, &w, &supernet](Split& split) {
      const auto images =
          split.images.try_emplace(&supernet, w.dataset, supernet.split(split.name), supernet.trained.normalization);
      train::ExitAnswers answers = train::ask_exits(*network, images.first->second.of(*network), split.labels);
      return Said{std::move(answers.logits), std::move(answers.accuracy)};
    };
  }
  return [stages = int8_subnet(w, network), &supernet](Split& split) { return ask_stages(supernet, stages, split); };
}

search::SubnetAnswers SupernetAnswers::keep(const family::ArchSpec& subnet, plan::Precision precision, Split& split,
                                            const Asked& ask) {
  Said said = ask(split);
  const StoreOf of = store_of({subnet, precision});
  const family::NetSize size = of.first->size(subnet);
  const search::SubnetAnswers answers{subnet.text(), size.macs, size.parameters, std::move(said.accuracy),
                                      std::move(said.logits)};
  if (search::LogitStore* const shared = shared_store(split, of)) shared->insert(answers);
  search::LogitStore& kept = store(split, of);
  kept.insert(answers);
  return *kept.find(subnet);  // in half precision: the same now and the next time
}

std::optional<search::SubnetAnswers> SupernetAnswers::find(const family::ArchSpec& subnet, plan::Precision precision,
                                                           Split& split) {
  const StoreOf of = store_of({subnet, precision});
  search::LogitStore& kept = store(split, of);
  auto answers = kept.find(subnet);
  if (answers) return answers;
  search::LogitStore* const shared = shared_store(split, of);
  if (shared != nullptr) answers = shared->find(subnet);
  if (answers) kept.insert(*answers);
  return answers;
}

search::AnswerSource::Answers SupernetAnswers::ask(const family::ArchSpec& subnet, plan::Precision precision) {
  auto route = find(subnet, precision, route_), judged = find(subnet, precision, judged_);
  if (route && judged) return {std::move(*route), std::move(*judged)};
  const Asked ask = asked(subnet, precision);
  if (!route) route = keep(subnet, precision, route_, ask);
  if (!judged) judged = keep(subnet, precision, judged_, ask);
  return {std::move(*route), std::move(*judged)};
}

const search::AnswerSource::Answers& SupernetAnswers::fixed_answers(const family::ArchSpec& net) {
  const auto known = fixed_answers_.find(net.body);
  if (known != fixed_answers_.end()) return known->second;
  const auto ask = [&](const Split& split) {
    return fixed_.ask(net, supernets_.first().split(split.name), split.labels);
  };
  return fixed_answers_.emplace(net.body, Answers{ask(route_), ask(judged_)}).first->second;
}

search::AnswerSource::Answers SupernetAnswers::answers(const family::ArchSpec& subnet, plan::Precision precision) {
  if (family::is_fixed(subnet)) return fixed_answers(subnet);
  if (work_) prepare({{subnet, precision}});
  return ask(subnet, precision);
}

}  // namespace triage::workflow
