// Map: initial_subnets; sync (trials -> population, known nets, best of each level); draw (a batch's genomes);
// run_batch; status (when to end); front; search_all_trials.
#include "search/evolve/joint_search.h"

#include <algorithm>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "search/solve/pair_sweep.h"

namespace triage::search {

Json to_json(const SearchOptions& options) {
  Json policies = Json::array();
  for (const plan::PolicyKind policy : options.structures.policies) policies.push_back(plan::to_string(policy));
  Json precisions = Json::array();
  for (const plan::Precision precision : options.structures.precisions)
    precisions.push_back(plan::to_string(precision));
  Json spaces = Json::array();
  for (const SearchedSpace& one : options.structures.spaces)
    spaces.push_back({{"space", one.space->text()}, {"exits", one.exits}});
  // What came later stands here where it is asked for: studies of before go on.
  Json json = spaces.size() == 1 ? spaces[0] : Json{{"spaces", spaces}};  // of one as before there could be several
  json.update({{"policies", policies},
               {"precisions", precisions},
               {"most_stages", options.structures.max_stages},
               {"early_exits", options.structures.early_exits},
               {"cascades", options.structures.cascades},
               {"seed", options.seed},
               {"random", options.random},
               {"initial_subnets", options.initial_subnets},
               {"most_subnets", options.max_subnets},
               {"new_subnets", options.new_subnets},
               {"batch", options.batch},
               {"population", options.population},
               {"sweep_every", options.sweep_every},
               {"sweep_keep", options.sweep_keep}});
  if (options.structures.answers_together) json["answers_together"] = true;
  return json;
}

std::vector<family::ArchSpec> JointSearch::initial_subnets(const SearchOptions& options) {
  const SearchedSpaces& spaces = options.structures.spaces;
  std::vector<family::ArchSpec> subnets;
  std::set<std::string> seen;
  const auto add = [&](family::ArchSpec subnet) {
    if (seen.insert(subnet.text()).second) subnets.push_back(std::move(subnet));
  };
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    const family::Space& space = *spaces[i].space;
    const std::size_t before = subnets.size(), share = options.initial_subnets / spaces.size();
    add(space.largest());
    add(space.smallest());
    const auto wanted =
        static_cast<std::size_t>(std::min(space.subnets(), static_cast<double>(std::max<std::size_t>(2, share))));
    Rng rng(derive_seed(options.seed, "initial subnets", i));
    for (std::size_t tries = 0; subnets.size() - before < wanted && tries < 100 * wanted; ++tries)
      add(space.sample_sized(rng));
  }
  return subnets;
}

JointSearch::JointSearch(Study& study, const Evaluator& evaluator, SearchOptions options)
    : study_(study),
      evaluator_(evaluator),
      options_(std::move(options)),
      variation_(options_.structures),
      population_(options_.population),
      kept_(evaluator.levels().size()),
      broken_(evaluator.levels().size()) {
  for (const family::ArchSpec& subnet : initial_subnets(options_)) {
    for (const int section : options_.structures.of(subnet).exits) {
      learn({options_.structures.policies[0], {{family::prefix(subnet, static_cast<std::size_t>(section) + 1), {}}}});
    }
    ++known_.subnets;
  }
  reference_ = 1;
  for (const SearchedSpace& one : options_.structures.spaces) {
    const family::ArchSpec least = one.space->smallest();
    const ExitNet& smallest =
        evaluator_.pool().get(least, precisions_of(least, options_.structures.precisions).front());
    reference_ = std::min(reference_, smallest.accuracy);
  }
}

void JointSearch::learn(const Genome& genome) {
  for (const GenomeStage& stage : stages_of(genome)) {
    if (!known_.names.insert(stage.net.text()).second) continue;
    KnownNet net = known_net(stage.net, options_.structures);
    known_.by_cost.insert(std::ranges::upper_bound(known_.by_cost, net.macs, {}, &KnownNet::macs), std::move(net));
  }
}

void JointSearch::sync() {
  // Selection after every batch, as the search itself went: all at once would leave other members.
  std::optional<std::uint64_t> batch;
  for (const Trial& trial : study_.trials_after(last_trial_)) {
    if (batch && *batch != trial.batch) population_.select();
    batch = trial.batch;
    last_trial_ = trial.id;
    tried_.insert(trial.genome);
    const std::size_t before = known_.names.size();
    learn(Genome::parse(trial.genome));
    known_.subnets += known_.names.size() > before;
    for (const TrialPoint& point : trial.points) {
      const Individual individual{trial.genome, point.cost, point.accuracy, point.more.value("violation", 0.0)};
      population_.add(individual);
      const std::size_t level = std::min(evaluator_.levels().level(point.cost), kept_.levels() - 1);
      (individual.violation > 0 ? broken_ : kept_).offer(level, individual);
    }
  }
  if (batch) population_.select();
}

// Genomes of a batch and where each comes from. All of them new to the study as far as it is known.
std::vector<std::pair<Genome, std::string>> JointSearch::draw(std::uint64_t batch) {
  std::vector<std::pair<Genome, std::string>> drawn;
  std::set<std::string> seen, asked;
  const auto accept = [&](Genome genome, std::string origin) {
    std::string text = genome.text();
    if (tried_.contains(text) || seen.contains(text)) return;
    std::set<std::string> unknown;
    for (const GenomeStage& stage : stages_of(genome)) {
      const std::string subnet = options_.structures.of(stage.net).space->complete(stage.net).text();
      if (!known_.names.contains(stage.net.text()) && !asked.contains(subnet)) unknown.insert(subnet);
    }
    const std::size_t in_all = asked.size() + unknown.size();
    if (!unknown.empty() && (in_all > options_.new_subnets || known_.subnets + in_all > options_.max_subnets)) return;
    asked.merge(unknown);
    seen.insert(std::move(text));
    drawn.emplace_back(std::move(genome), std::move(origin));
  };
  if (!options_.random && options_.sweep_every > 0 && batch % static_cast<std::uint64_t>(options_.sweep_every) == 0) {
    std::vector<const ExitNet*> nets;
    for (const KnownNet& net : known_.by_cost) {
      for (const plan::Precision precision : precisions_of(net.arch, options_.structures.precisions)) {
        nets.push_back(&evaluator_.pool().get(net.arch, precision));
        accept({options_.structures.policies[0], {{net.arch, {}, precision}}}, "alone");
      }
    }
    for (Genome& genome : sweep_pairs(evaluator_, options_.structures, nets, options_.sweep_keep).genomes) {
      accept(std::move(genome), "sweep");
    }
  }
  Rng rng(derive_seed(options_.seed, "batch", batch));
  for (std::size_t tries = 0; drawn.size() < options_.batch && tries < 20 * options_.batch; ++tries) {
    if (options_.random || population_.members().empty() || rng.uniform() < 0.05) {
      Genome genome = variation_.random(rng);
      // Random nets are seldom known: most take a known one of about the same size.
      if (rng.uniform() < 0.9) genome = variation_.nearest(genome, known_.by_cost);
      accept(std::move(genome), "random");
      continue;
    }
    const Genome a = Genome::parse(population_.tournament(rng).genome);
    if (rng.uniform() < 0.5) {
      const Genome b = Genome::parse(population_.tournament(rng).genome);
      Genome child = variation_.cross(a, b, rng);
      if (rng.uniform() < 0.5) child = variation_.mutate(child, known_.by_cost, rng);
      accept(std::move(child), "cross");
    } else {
      accept(variation_.mutate(a, known_.by_cost, rng), "mutate");
    }
  }
  return drawn;
}

void JointSearch::run_batch() {
  const StudyBatch batch = study_.claim();
  const double begin = steady_seconds();
  sync();
  std::vector<Trial> trials;
  std::vector<std::pair<Genome, std::string>> drawn = draw(batch.id);
  std::vector<std::pair<family::ArchSpec, plan::Precision>> nets;
  for (const auto& [genome, origin] : drawn) {
    for (const GenomeStage& stage : stages_of(genome)) nets.emplace_back(stage.net, stage.segment.precision);
  }
  evaluator_.pool().prepare(nets);
  for (auto& [genome, origin] : drawn) {
    Trial& trial = trials.emplace_back();
    trial.seed = derive_seed(options_.seed, "batch", batch.id);
    trial.genome = genome.text();
    trial.origin = std::move(origin);
    for (OperatingPoint& point : evaluator_.evaluate(genome)) {
      TrialPoint& kept = trial.points.emplace_back(point.cost, point.accuracy, std::move(point.thresholds));
      if (point.violation > 0) kept.more["violation"] = point.violation;
    }
  }
  std::vector<CostAccuracy> points = feasible();
  for (const Trial& trial : trials) {
    for (const TrialPoint& point : trial.points) {
      if (!point.more.contains("violation")) points.push_back({point.cost, point.accuracy});
    }
  }
  const threshold::CostLevels& levels = evaluator_.levels();
  const double volume = hypervolume(points, levels.upper(0), levels.upper(levels.size() - 1), reference_);
  study_.complete(batch, trials,
                  {{"hypervolume", volume}, {"trials", trials.size()}, {"seconds", seconds_since(begin)}});
}

std::vector<CostAccuracy> JointSearch::feasible() const {
  std::vector<CostAccuracy> points;
  for (std::size_t level = 0; level < kept_.levels(); ++level) {
    for (const Individual& best : kept_.at(level)) points.push_back({best.cost, best.accuracy});
  }
  return points;
}

SearchStatus JointSearch::status() {
  sync();
  const std::vector<Json> history = study_.history();
  SearchStatus status{
      .batches = history.size(), .trials = study_.size(), .subnets = known_.subnets, .workers = study_.workers() + 1};
  for (const CostAccuracy& point : feasible()) {
    if (point.accuracy <= status.best_accuracy) continue;
    status.best_accuracy = point.accuracy;
    status.best_cost = point.cost;
  }
  std::vector<double> volumes;
  for (const Json& batch : history) {
    const JsonReader reader(batch, "study: summary of a batch");
    volumes.push_back(reader.get<double>("hypervolume"));
    status.minutes += reader.get<double>("seconds") / 60;
  }
  if (volumes.empty()) return status;
  status.hypervolume = *std::ranges::max_element(volumes);
  const auto patience = static_cast<std::size_t>(std::max(1, options_.patience));
  if (status.trials >= options_.max_trials) {
    status.why = "trials";
  } else if (status.minutes >= options_.max_minutes) {
    status.why = "minutes";
  } else if (volumes.size() > patience) {
    const double before =
        *std::ranges::max_element(volumes.begin(), volumes.end() - static_cast<std::ptrdiff_t>(patience));
    if (status.hypervolume - before <= options_.settled * status.hypervolume) status.why = "settled";
  }
  status.done = !status.why.empty();
  return status;
}

Front JointSearch::front() {
  sync();
  Front front{.axis = evaluator_.options().axis, .budgets = evaluator_.options().budgets};
  const auto points_of = [&](const Genome& genome, std::optional<double> at_cost = {}) {
    const std::vector<cost::CostedStage> costs = evaluator_.stage_costs(genome);
    std::vector<FrontPoint> points;
    for (OperatingPoint& point : evaluator_.evaluate(genome)) {
      if (at_cost && point.cost != *at_cost) continue;
      points.push_back({genome, point.accuracy, plan_cost(costs, point.reach), std::move(point.thresholds),
                        std::move(point.reach), point.violation});
    }
    return points;
  };
  for (const Individual& individual : kept_.rising()) {
    for (FrontPoint& point : points_of(Genome::parse(individual.genome), individual.cost))
      front.points.push_back(std::move(point));
  }
  for (std::size_t level = 0; level < broken_.levels(); ++level) {
    for (const Individual& individual : broken_.at(level)) {
      for (FrontPoint& point : points_of(Genome::parse(individual.genome))) {
        if (point.violation > 0) front.infeasible.push_back(std::move(point));
      }
    }
  }
  std::ranges::stable_sort(front.infeasible, {}, &FrontPoint::violation);
  for (const KnownNet& net : known_.by_cost) {
    for (const plan::Precision precision : precisions_of(net.arch, options_.structures.precisions)) {
      for (FrontPoint& point : points_of({options_.structures.policies[0], {{net.arch, {}, precision}}})) {
        if (point.violation == 0) front.singles.push_back(std::move(point));
      }
    }
  }
  return front;
}

Front search_all_trials(Study& study, const Evaluator& evaluator, const SearchOptions& options,
                        const std::function<void(std::uint64_t trials)>& progress) {
  JointSearch search(study, evaluator, options);
  for (std::uint64_t before = 0, idle = 0; study.size() < options.max_trials && idle < 3;) {
    if (options.stop.requested()) throw Interrupted("stopped; the same command goes on from here");
    search.run_batch();
    idle = study.size() == before ? idle + 1 : 0;  // a small space has no more genomes
    before = study.size();
    progress(before);
  }
  return search.front();
}

}  // namespace triage::search
