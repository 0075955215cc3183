#include "workflow/search/supernet_answers.h"

#include "exporting/onnx_engine.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kInt8Images = 256;  // of the route split, for ranges: a search asks hundreds of subnets
constexpr int kBatch = 64;

}  // namespace

SupernetAnswers::SupernetAnswers(const OpenSupernet& supernet, const std::string& judged)
    : supernet_(supernet),
      route_{"route", labels_of(supernet.workspace.dataset, supernet.split("route")), {}, {}, {}},
      judged_{judged, labels_of(supernet.workspace.dataset, supernet.split(judged)), {}, {}, {}} {}

std::vector<int> SupernetAnswers::exits() const {
  std::vector<int> exits = supernet_.trained.network->options().exits;
  exits.push_back(static_cast<int>(supernet_.space().blocks.size()) - 1);
  return exits;
}

search::LogitStore& SupernetAnswers::store(Split& split, plan::Precision precision) {
  const auto found = split.stores.find(precision);
  if (found != split.stores.end()) return found->second;
  return split.stores.emplace(precision, open_store(supernet_, split.name, {}, {}, precision)).first->second;
}

// What the stages of one network say, one after the other.
SupernetAnswers::Said SupernetAnswers::ask_stages(const std::vector<exporting::Engine>& chain, const Split& split,
                                                  std::size_t classes) {
  const std::size_t count = split.labels.size(), size = split.inputs.size() / count;
  Said said{.logits = std::vector<float>(chain.size() * count * classes), .accuracy = {}};
  for (std::size_t first = 0; first < count; first += kBatch) {
    const std::size_t n = std::min<std::size_t>(kBatch, count - first);
    const auto part = std::span(split.inputs).subspan(first * size, n * size);
    exporting::run_chain(
        chain, part, static_cast<int>(n), [&](std::size_t exit, const exporting::NamedOutputs& outputs) {
          std::ranges::copy(outputs.at("logits"),
                            said.logits.begin() + static_cast<std::ptrdiff_t>((exit * count + first) * classes));
        });
  }
  for (std::size_t exit = 0; exit < chain.size(); ++exit) {
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = std::span(said.logits).subspan((exit * count + i) * classes, classes);
      right += std::ranges::max_element(row) - row.begin() == split.labels[i] ? 1 : 0;
    }
    said.accuracy.push_back(static_cast<double>(right) / static_cast<double>(count));
  }
  return said;
}

SupernetAnswers::Asked SupernetAnswers::asked(const plan::ArchSpec& subnet, plan::Precision precision) {
  const Workspace& w = supernet_.workspace;
  if (!cutter_) cutter_.emplace(supernet_.cutter());
  supernet::Network network = cutter_->cut(subnet);
  if (precision == plan::Precision::fp32) {
    return [this, network, &w](Split& split) mutable {
      if (!split.images) {
        split.images.emplace(w.dataset, supernet_.split(split.name), supernet_.trained.normalization,
                             *supernet_.trained.network);
      }
      train::ExitAnswers answers = train::ask_exits(network, *split.images, split.labels);
      return Said{std::move(answers.logits), std::move(answers.accuracy)};
    };
  }
  std::vector<StageSource> stages;
  add_stages(stages, "subnet", network, network->options().exits, precision);
  quantize_stages(w, stages, kInt8Images, false);
  std::vector<exporting::Engine> chain;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    exporting::StageModel model = stage_model(w, stages, i, std::nullopt, plan::PolicyKind::confidence);
    model.features_block = -1;
    chain.push_back(exporting::onnx_engine(stages[i].name, exporting::stage_to_onnx(model), w.threads));
  }
  return [this, chain, &w, classes = static_cast<std::size_t>(network->classes())](Split& split) {
    if (split.inputs.empty()) split.inputs = network_inputs(w, supernet_.split(split.name));
    return ask_stages(chain, split, classes);
  };
}

search::SubnetAnswers SupernetAnswers::keep(const plan::ArchSpec& subnet, plan::Precision precision, Split& split,
                                            const Asked& ask) {
  Said said = ask(split);
  const plan::ArchCost cost =
      plan::arch_cost(subnet, supernet_.trained.network->input(), supernet_.trained.network->classes());
  search::LogitStore& kept = store(split, precision);
  kept.insert({subnet.text(), cost.macs, cost.parameters, std::move(said.accuracy), std::move(said.logits)});
  return *kept.find(subnet);  // in half precision: the same now and the next time
}

search::AnswerSource::Answers SupernetAnswers::answers(const plan::ArchSpec& subnet, plan::Precision precision) {
  auto route = store(route_, precision).find(subnet), judged = store(judged_, precision).find(subnet);
  if (route && judged) return {std::move(*route), std::move(*judged)};
  const Asked ask = asked(subnet, precision);
  if (!route) route = keep(subnet, precision, route_, ask);
  if (!judged) judged = keep(subnet, precision, judged_, ask);
  return {std::move(*route), std::move(*judged)};
}

}  // namespace triage::workflow
