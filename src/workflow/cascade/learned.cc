#include "workflow/cascade/learned.h"

#include <algorithm>
#include <format>

#include "core/progress.h"
#include "route/metric.h"

namespace triage::workflow {
namespace {

// The chains of the front and how their exits answer, those with the most points first.
std::vector<LearnedChain> chains_of(std::span<const CascadePoint> front) {
  std::vector<LearnedChain> chains;
  std::vector<std::size_t> points, order;
  for (const CascadePoint& point : front) {
    if (point.chain.size() < 2) continue;
    const auto known = std::ranges::find_if(
        chains, [&](const LearnedChain& one) { return one.chain == point.chain && one.weights == point.weights; });
    const auto at = static_cast<std::size_t>(known - chains.begin());
    if (known == chains.end()) {
      chains.push_back({point.chain, point.weights, {}});
      points.push_back(0);
      order.push_back(at);
    }
    ++points[at];
  }
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return points[i]; });
  std::vector<LearnedChain> sorted;
  for (const std::size_t i : order) sorted.push_back(std::move(chains[i]));
  return sorted;
}

std::string names_of(const plan::Plan& plan) {
  std::string names;
  for (const plan::Stage& stage : plan.stages) names += (names.empty() ? "" : " > ") + stage.name;
  return names;
}

class Learner {
 public:
  Learner(const plan::Plan& plan, const route::ScoreTable& validation, const route::ScoreTable& fitted,
          const LearnedRequest& request)
      : plan_(plan), validation_(validation), fitted_(fitted), request_(request) {}

  // Adds the points of the chain where its routers are taken; returns what a person should know.
  std::string run(LearnedChain& one, std::vector<CascadePoint>& points) const {
    plan::Plan part = plan::plan_of_stages(plan_, one.chain);
    for (std::size_t i = 0; i < one.weights.size(); ++i) part.stages[i].exit.answer_weights = one.weights[i];
    const route::FittedRouting routing = route::fit_routers(part, route::table_of_stages(fitted_, one.chain),
                                                            {.routers = request_.routers, .metric = request_.metric});
    const auto gain = std::ranges::find(routing.choice->gains, plan::PolicyKind::learned, &route::PolicyGain::policy);
    if (gain != routing.choice->gains.end()) one.gain = *gain;
    const bool taken = request_.asked || one.gain.wins;
    if (taken) add_points(one, part, routing, points);
    return std::format("{}: {}{}", names_of(part),
                       gain != routing.choice->gains.end() ? route::to_text(one.gain)
                                                           : "a router found nothing that confidence does not say",
                       taken ? "" : ": not taken");
  }

 private:
  void add_points(const LearnedChain& one, const plan::Plan& part, const route::FittedRouting& routing,
                  std::vector<CascadePoint>& points) const {
    const auto routers = std::make_shared<const std::vector<plan::Router>>(routing.trained.routers);
    route::ExitAnswers answers =
        route::exit_answers(part, plan::PolicyKind::learned, route::table_of_stages(validation_, one.chain));
    if (&validation_ == &fitted_ && !routing.held_out.empty()) answers.scores = routing.held_out;
    const route::CurveMaker curve(answers.verdicts.correct, answers.scores, route::path_latency_us(part),
                                  route::image_values(request_.metric, validation_.labels));
    for (route::CurvePoint& point : curve.curve())
      points.push_back({one.chain, plan::PolicyKind::learned, one.weights, std::move(point), routers});
  }

  const plan::Plan& plan_;
  const route::ScoreTable &validation_, &fitted_;
  const LearnedRequest& request_;
};

}  // namespace

std::vector<LearnedChain> add_learned(std::vector<CascadePoint>& front, const plan::Plan& plan,
                                      const route::ScoreTable& validation, const route::ScoreTable& fitted,
                                      const LearnedRequest& request, std::vector<std::string>& notes) {
  std::vector<LearnedChain> chains = chains_of(front);
  if (request.alone) {  // nets that only points of others have beaten come back
    front = solve_cascades(plan, validation, fitted, {.max_stages = 1, .metric = request.metric});
  }
  if (chains.empty()) return chains;
  if (const std::size_t least = route::min_images(request.routers); fitted.count() < least) {
    const std::string found =
        std::format("expected at least {} images to fit them on, found {}", least, fitted.count());
    if (request.asked) fail("learned routers: {}", found);
    notes.push_back("learned routers are left out: " + found);
    return {};
  }
  if (chains.size() > kLearnedChains) {
    notes.push_back(std::format("learned routers for {} of the {} chains of the front, those with the most points",
                                kLearnedChains, chains.size()));
    chains.resize(kLearnedChains);
  }
  const Learner learner(plan, validation, fitted, request);
  Progress progress(request.context, "train routers", chains.size(), "chains");
  for (std::size_t i = 0; i < chains.size(); ++i) {
    if (request.context.stop.requested())
      throw Interrupted("stopped while training routers; run the same command again");
    notes.push_back(learner.run(chains[i], front));
    progress.update(i + 1);
  }
  progress.finish();
  keep_front(front);
  return chains;
}

}  // namespace triage::workflow
