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
  const std::string processes = processes_note(status.workers);
  return std::format("{} subnets  hypervolume {:.4f}  best {:.2f} % at {:.1f} {}  {:.1f} min{}{}", status.subnets,
                     status.hypervolume, 100 * status.best_accuracy, status.best_cost / shown(axis).scale,
                     shown(axis).unit, status.minutes, processes.empty() ? "" : "  ", processes);
}

}  // namespace

JointRun run_search(SearchRun& opened, const std::string& study_location) {
  const SearchConfig& config = opened.config;
  const std::string location = study_location.empty() ? (opened.run / "search.sqlite").string() : study_location;
  search::Study study(location, config.name, opened.identity());
  opened.answers.share(location, config.name);
  opened.answers.work()->set_ended(false);
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
  if (status.done) opened.answers.work()->set_ended(true);
  return {write_front(opened, search), status};
}

std::size_t score_for_search(const SearchConfig& config, const std::string& study, const Context& context) {
  const OpenSupernets supernets(config.supernets, context);
  const FixedNets fixed(config.nets, supernets);
  SupernetAnswers answers(supernets, fixed);
  answers.share(study, config.name);
  if (!answers.work()->status().ended) {  // what a search begins with may be scored before it comes
    search::SearchOptions options = config.options;
    options.structures.spaces = searched_spaces(supernets, fixed);
    answers.want(initial_nets(options));
  }
  return answers.score_for_others();
}

}  // namespace triage::workflow
