#include "workflow/search/joint_run.h"

#include "core/files/new_files.h"
#include "core/progress.h"
#include "workflow/search/front/front_picture.h"

namespace triage::workflow {
namespace {

search::Front write_front(const SearchRun& opened, search::JointSearch& search) {
  search::Front front = search.front();
  front.identity = opened.identity();
  NewFiles files(opened.run, "front");
  search::save_front(files.path() / "front.json", front);
  if (!front.points.empty())
    draw_front(front,
               {.evaluator = opened.evaluator,
                .hand_picked = opened.config.hand_picked,
                .several_precisions = opened.config.options.structures.precisions.size() > 1},
               files.path() / "front.png");
  files.commit();
  return front;
}

std::string note_of(const search::SearchStatus& status, cost::CostAxis axis) {
  return std::format("{} subnets  hypervolume {:.4f}  best {:.2f} % at {:.1f} {}  {:.1f} min", status.subnets,
                     status.hypervolume, 100 * status.best_accuracy, status.best_cost / shown(axis).scale,
                     shown(axis).unit, status.minutes);
}

}  // namespace

JointRun run_search(SearchRun& opened, const std::string& study_location) {
  const SearchConfig& config = opened.config;
  search::Study study(study_location.empty() ? (opened.run / "search.sqlite").string() : study_location, config.name,
                      opened.identity());
  opened.score_initial();

  search::JointSearch search(study, opened.evaluator, config.options);
  search::SearchStatus status = search.status();
  {
    Progress progress(opened.context, "search", config.options.max_trials, "trials", status.trials);
    while (!status.done && !opened.context.stop.requested()) {
      search.run_batch();
      status = search.status();
      progress.update(status.trials, note_of(status, config.axis));
    }
    progress.finish(note_of(status, config.axis));
  }
  return {write_front(opened, search), status};
}

}  // namespace triage::workflow
