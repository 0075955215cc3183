#include "cli/supernet_answers.h"

namespace triage::cli {

SupernetAnswers::SupernetAnswers(const OpenSupernet& supernet)
    : supernet_(supernet),
      route_{open_store(supernet, "route"), {}},
      validation_{open_store(supernet, "validation"), {}} {}

std::vector<int> SupernetAnswers::exits() const {
  std::vector<int> exits = supernet_.trained.network->options().exits;
  exits.push_back(static_cast<int>(supernet_.space().blocks.size()) - 1);
  return exits;
}

bool SupernetAnswers::has(const plan::ArchSpec& subnet) const {
  return route_.store.has(subnet) && validation_.store.has(subnet);
}

search::SubnetAnswers SupernetAnswers::ask(const plan::ArchSpec& subnet, supernet::Network& network, Split& split,
                                           const std::vector<std::uint32_t>& indices) {
  const Workspace& w = supernet_.workspace;
  if (!split.images) {
    split.images.emplace(w.dataset, indices, supernet_.trained.normalization, *supernet_.trained.network);
  }
  train::ExitAnswers said = train::ask_exits(network, *split.images, split.store.labels());
  const plan::ArchCost cost = plan::arch_cost(subnet, network->input(), network->classes());
  split.store.insert({subnet.text(), cost.macs, cost.parameters, std::move(said.accuracy), std::move(said.logits)});
  return *split.store.find(subnet);  // as kept, in half precision: the same now and the next time
}

search::AnswerSource::Answers SupernetAnswers::answers(const plan::ArchSpec& subnet) {
  auto route = route_.store.find(subnet), validation = validation_.store.find(subnet);
  if (route && validation) return {std::move(*route), std::move(*validation)};
  if (!cutter_) cutter_.emplace(supernet_.cutter());
  supernet::Network network = cutter_->cut(subnet);
  const data::Splits& splits = supernet_.workspace.splits;
  if (!route) route = ask(subnet, network, route_, splits.route);
  if (!validation) validation = ask(subnet, network, validation_, splits.validation);
  return {std::move(*route), std::move(*validation)};
}

}  // namespace triage::cli
