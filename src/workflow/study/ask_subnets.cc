#include "workflow/study/ask_subnets.h"

#include <algorithm>

#include "core/clock.h"
#include "workflow/search/score_together.h"

namespace triage::workflow {

std::vector<double> ask_subnets(const OpenSupernet& supernet, const std::vector<family::ArchSpec>& wanted,
                                const AskedSplit& split, search::LogitStore& store) {
  const Workspace& w = supernet.workspace;
  const auto& [of, at] = split;
  std::vector<double> seconds;
  std::vector<std::string> names;
  for (const family::ArchSpec& subnet : wanted) names.push_back(subnet.text());
  if (std::ranges::all_of(wanted, [&](const auto& subnet) { return store.has(subnet); })) return seconds;
  search::SubnetWork work(at.location, at.name, scoring_identity(supernet, of, at.location));
  const train::SubnetCutter cutter = supernet.cutter(of.recalibration);
  const train::SeenImages images(w.dataset, supernet.split(of.split), supernet.trained.normalization);
  const auto known = [&](const std::string& name) { return store.has(family::ArchSpec::parse(name)); };
  const auto score = [&](const std::string& name) {
    const double begin = steady_seconds();
    const family::ArchSpec subnet = family::ArchSpec::parse(name);
    const supernet::AnyNetwork network = cutter.cut(subnet);
    train::ExitAnswers answers = train::ask_exits(*network, images.of(*network), store.labels());
    seconds.push_back(seconds_since(begin));
    const family::NetSize size = supernet.size(subnet);
    store.insert({name, size.macs, size.parameters, std::move(answers.accuracy), std::move(answers.logits)});
  };
  score_together(work, names, {.known = known, .score = score}, w.context);
  return seconds;
}

}  // namespace triage::workflow
