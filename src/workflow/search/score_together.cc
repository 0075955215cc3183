#include "workflow/search/score_together.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <iterator>
#include <thread>

#include "core/error.h"
#include "core/progress.h"

namespace triage::workflow {
namespace {

constexpr std::chrono::milliseconds kWait{100};  // for what others are at

// Another one of the wanted subnets; false: there is none that nobody is at.
bool score_next(search::SubnetWork& work, const SubnetScoring& scoring) {
  const std::optional<std::string> subnet = work.claim();
  if (!subnet) return false;
  try {
    if (!scoring.known(*subnet)) scoring.score(*subnet);
  } catch (...) {
    work.give_up(*subnet);
    throw;
  }
  work.done(*subnet);
  return true;
}

}  // namespace

std::string processes_note(std::size_t workers) { return workers > 1 ? std::format("{} processes", workers) : ""; }

void score_together(search::SubnetWork& work, const std::vector<std::string>& subnets, const SubnetScoring& scoring,
                    const Context& context) {
  std::vector<std::string> missing;
  std::ranges::copy_if(subnets, std::back_inserter(missing),
                       [&](const auto& subnet) { return !scoring.known(subnet); });
  if (missing.empty()) return;
  work.want(missing);
  const std::size_t first = subnets.size() - missing.size();
  Progress progress(context, "score subnets", subnets.size(), "subnets", first);
  while (true) {
    const bool scored = score_next(work, scoring);
    const search::SubnetWork::Status status = work.status();
    if (!scored) {
      std::erase_if(missing, scoring.known);
      if (missing.empty()) break;
      if (status.done == status.wanted) work.want(missing);  // whoever was at it did not keep it
    }
    const std::size_t left = std::min(missing.size(), status.wanted - status.done), done = subnets.size() - left;
    progress.update(std::max(first, done), processes_note(status.workers));
    if (context.stop.requested()) {
      throw Interrupted(
          std::format("stopped after {} of {} subnets; the same command goes on from here", done, subnets.size()));
    }
    if (!scored) std::this_thread::sleep_for(kWait);
  }
  const std::size_t mine = work.status().mine;
  progress.update(subnets.size());
  progress.finish(mine < subnets.size() - first ? std::format("{} by this process", mine) : "");
}

std::size_t score_for_others(search::SubnetWork& work, const SubnetScoring& scoring, const Context& context) {
  std::size_t scored = 0;
  Progress progress(context, "score subnets", 0, "subnets");
  for (bool more = true; more;) {
    if (context.stop.requested()) {
      throw Interrupted(std::format("stopped after {} subnets; the same command goes on from here", scored));
    }
    const bool one = score_next(work, scoring);
    scored += one ? 1 : 0;
    const search::SubnetWork::Status status = work.status();
    const std::string others = processes_note(status.workers);
    progress.update(scored, std::format("by this process  {} of {} by all{}{}", status.done, status.wanted,
                                        others.empty() ? "" : "  ", others));
    more = one || !status.ended;
    if (!one && more) std::this_thread::sleep_for(kWait);
  }
  progress.finish();
  return scored;
}

}  // namespace triage::workflow
