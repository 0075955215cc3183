#include "cli/supernet_answers.h"

namespace triage::cli {

SupernetAnswers::SupernetAnswers(const OpenSupernet& supernet, std::string judged)
    : supernet_(supernet),
      judged_name_(std::move(judged)),
      route_{open_store(supernet, "route"), {}},
      judged_{open_store(supernet, judged_name_), {}} {}

std::vector<int> SupernetAnswers::exits() const {
  std::vector<int> exits = supernet_.trained.network->options().exits;
  exits.push_back(static_cast<int>(supernet_.space().blocks.size()) - 1);
  return exits;
}

bool SupernetAnswers::has(const plan::ArchSpec& subnet) const {
  return route_.store.has(subnet) && judged_.store.has(subnet);
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
  auto route = route_.store.find(subnet), judged = judged_.store.find(subnet);
  if (route && judged) return {std::move(*route), std::move(*judged)};
  if (!cutter_) cutter_.emplace(supernet_.cutter());
  supernet::Network network = cutter_->cut(subnet);
  if (!route) route = ask(subnet, network, route_, supernet_.split("route"));
  if (!judged) judged = ask(subnet, network, judged_, supernet_.split(judged_name_));
  return {std::move(*route), std::move(*judged)};
}

}  // namespace triage::cli
