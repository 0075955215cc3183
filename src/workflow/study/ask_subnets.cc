#include "workflow/study/ask_subnets.h"

#include <algorithm>

#include "core/clock.h"
#include "core/progress.h"

namespace triage::workflow {

std::vector<double> ask_subnets(const OpenSupernet& supernet, const std::vector<plan::ArchSpec>& wanted,
                                const std::string& split, const train::RecalibrationOptions& recalibration,
                                search::LogitStore& store) {
  std::vector<plan::ArchSpec> missing;
  std::ranges::copy_if(wanted, std::back_inserter(missing), [&](const auto& subnet) { return !store.has(subnet); });
  std::vector<double> seconds;
  if (missing.empty()) return seconds;
  const Workspace& w = supernet.workspace;
  const train::SubnetCutter cutter = supernet.cutter(recalibration);
  const train::ImageBatches images(w.dataset, supernet.split(split), supernet.trained.normalization,
                                   *supernet.trained.network);
  Progress progress(w.context, "subnets", wanted.size(), "subnets", wanted.size() - missing.size());
  for (const plan::ArchSpec& subnet : missing) {
    const double begin = steady_seconds();
    supernet::Network network = cutter.cut(subnet);
    train::ExitAnswers answers = train::ask_exits(network, images, store.labels());
    seconds.push_back(seconds_since(begin));
    const plan::ArchCost cost = plan::arch_cost(subnet, network->input(), network->classes());
    store.insert({subnet.text(), cost.macs, cost.parameters, std::move(answers.accuracy), std::move(answers.logits)});
    progress.update(wanted.size() - missing.size() + seconds.size());
    if (w.context.stop.requested() && seconds.size() < missing.size()) {
      throw Interrupted(std::format("stopped after {} of {} subnets; the same command goes on from here",
                                    wanted.size() - missing.size() + seconds.size(), wanted.size()));
    }
  }
  progress.finish();
  return seconds;
}

}  // namespace triage::workflow
