// In place of ask_subnets.cc in a program that was built without databases: this process asks all of them.
#include "core/clock.h"
#include "core/progress.h"
#include "workflow/study/ask_subnets.h"

namespace triage::workflow {

std::vector<double> ask_subnets(const OpenSupernet& supernet, const std::vector<family::ArchSpec>& wanted,
                                const AskedSplit& split, search::LogitStore& store) {
  const Workspace& w = supernet.workspace;
  const train::SubnetCutter cutter = supernet.cutter(split.answers.recalibration);
  const train::SeenImages images(w.dataset, supernet.split(split.answers.split), supernet.trained.normalization);
  std::vector<double> seconds;
  Progress progress(w.context, "subnets", wanted.size(), "subnets");
  for (const family::ArchSpec& subnet : wanted) {
    if (w.context.stop.requested())
      throw Interrupted(std::format("stopped after {} of {} subnets", seconds.size(), wanted.size()));
    if (store.has(subnet)) continue;
    const double begin = steady_seconds();
    const supernet::AnyNetwork network = cutter.cut(subnet);
    train::ExitAnswers answers = train::ask_exits(*network, images.of(*network), store.labels());
    seconds.push_back(seconds_since(begin));
    const family::NetSize size = supernet.size(subnet);
    store.insert({subnet.text(), size.macs, size.parameters, std::move(answers.accuracy), std::move(answers.logits)});
    progress.update(seconds.size());
  }
  progress.finish();
  return seconds;
}

}  // namespace triage::workflow
