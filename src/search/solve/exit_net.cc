#include "search/solve/exit_net.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "core/error.h"
#include "route/temperature.h"
#include "runtime/score.h"
#include "search/evolve/genome.h"

namespace triage::search {
namespace {

SplitEvidence evidence_of(std::span<const float> logits, std::span<const Label> labels, int classes,
                          double temperature) {
  SplitEvidence out;
  out.seen.reserve(labels.size());
  out.correct.reserve(labels.size());
  const auto width = static_cast<std::size_t>(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const runtime::Evidence seen = runtime::evidence(logits.subspan(i * width, width), static_cast<float>(temperature));
    out.seen.push_back({seen.confidence, seen.entropy, seen.margin});
    out.correct.push_back(static_cast<Label>(seen.label) == labels[i]);
  }
  return out;
}

// Of one exit.
std::span<const float> logits_of(const SubnetAnswers& all, std::size_t exit, std::size_t exits) {
  const std::size_t size = all.logits.size() / exits;
  return std::span(all.logits).subspan(exit * size, size);
}

}  // namespace

const Ranking& ExitNet::ranking(plan::PolicyKind policy) const {
  switch (policy) {
    case plan::PolicyKind::confidence:
      return rankings[0];
    case plan::PolicyKind::entropy:
      return rankings[1];
    case plan::PolicyKind::margin:
      return rankings[2];
    case plan::PolicyKind::learned:
    case plan::PolicyKind::agreement:
      break;
  }
  fail("net {}: '{}' ranks by the other nets of the plan", name, plan::to_string(policy));
}

ExitNet make_exit_net(const family::ArchSpec& arch, plan::Precision precision, std::span<const float> route_logits,
                      std::span<const Label> route_labels, std::span<const float> validation_logits,
                      std::span<const Label> validation_labels, int classes) {
  ExitNet net{.name = net_text(arch, precision), .arch = arch, .precision = precision};
  net.temperature = route::fit_temperature(route_logits, classes, route_labels);
  net.route = evidence_of(route_logits, route_labels, classes, net.temperature);
  net.validation = evidence_of(validation_logits, validation_labels, classes, net.temperature);
  const std::size_t count = validation_labels.size();
  net.accuracy = std::accumulate(net.validation.correct.begin(), net.validation.correct.end(), 0.0) /
                 static_cast<double>(std::max<std::size_t>(1, count));
  for (std::size_t kind = 0; kind < 3; ++kind) {
    std::vector<float> score(count);
    for (std::size_t i = 0; i < count; ++i) {
      const float seen = net.validation.seen[i][kind];
      score[i] = kind == 1 ? seen : 1 - seen;
    }
    net.rankings[kind] = threshold::rank_compactly(std::move(score));
  }
  return net;
}

NetPool::NetPool(AnswerSource& source, SearchedSpaces spaces) : source_(source), spaces_(std::move(spaces)) {
  if (source_.validation_labels().empty() || source_.route_labels().empty()) {
    fail("search: expected images in the route and validation splits, found {} and {}", source_.route_labels().size(),
         source_.validation_labels().size());
  }
}

const ExitNet* NetPool::find(const std::string& name) const {
  const auto found = nets_.find(name);
  return found == nets_.end() ? nullptr : found->second.get();
}

const ExitNet& NetPool::get(const family::ArchSpec& net, plan::Precision precision) {
  const std::string name = net_text(net, precision);
  if (const ExitNet* known = find(name)) return *known;
  add(space_of(spaces_, net).space->complete(net), precision);
  if (const ExitNet* known = find(name)) return *known;
  fail("net {}: expected one that ends at an exit of the supernet", net.text());
}

void NetPool::prepare(const std::vector<std::pair<family::ArchSpec, plan::Precision>>& nets) {
  std::vector<AskedSubnet> missing;
  std::set<std::string> seen;
  for (const auto& [net, precision] : nets) {
    if (find(net_text(net, precision)) != nullptr) continue;
    family::ArchSpec subnet = space_of(spaces_, net).space->complete(net);
    if (seen.insert(net_text(subnet, precision)).second) missing.push_back({std::move(subnet), precision});
  }
  source_.prepare(missing);
}

void NetPool::add(const family::ArchSpec& subnet, plan::Precision precision) {
  const auto& [space, exits] = space_of(spaces_, subnet);
  space->check(subnet);
  const auto net_at = [&](int section) { return family::prefix(subnet, static_cast<std::size_t>(section) + 1); };
  const bool known =
      std::ranges::all_of(exits, [&](int section) { return find(net_text(net_at(section), precision)) != nullptr; });
  if (known) return;
  const AnswerSource::Answers answers = source_.answers(subnet, precision);
  const auto exit_logits = [&](const SubnetAnswers& all, std::size_t exit, std::size_t images) {
    if (all.logits.size() != exits.size() * images * static_cast<std::size_t>(source_.classes()))
      fail("subnet {}: expected answers of {} exits, found {}", all.arch, exits.size(), all.accuracy.size());
    return logits_of(all, exit, exits.size());
  };
  for (std::size_t exit = 0; exit < exits.size(); ++exit) {
    const family::ArchSpec net = net_at(exits[exit]);
    auto& place = nets_[net_text(net, precision)];
    if (place) continue;
    place = std::make_unique<ExitNet>(
        make_exit_net(net, precision, exit_logits(answers.route, exit, source_.route_labels().size()),
                      source_.route_labels(), exit_logits(answers.validation, exit, source_.validation_labels().size()),
                      source_.validation_labels(), source_.classes()));
    place->subnet = subnet;
    place->exit = exit;
  }
}

ExitLogits NetPool::logits(const ExitNet& net) {
  const AnswerSource::Answers answers = source_.answers(net.subnet, net.precision);
  const std::size_t exits = space_of(spaces_, net.subnet).exits.size();
  const auto part = [&](const SubnetAnswers& all) {
    const std::span<const float> logits = logits_of(all, net.exit, exits);
    return std::vector<float>(logits.begin(), logits.end());
  };
  return {part(answers.route), part(answers.validation)};
}

}  // namespace triage::search
