// A bursty open-loop trace against a server in this process: how many requests miss their time, and how accurate the
// answers are, when the thresholds follow the load (triage/controller.h) and when they stay.
//   slo_bench PLAN --data FILE --record results/serving.json
// Map: slo_trace.h (steps of Poisson arrivals, simulations), slo_play.h (one stretch of the trace, in real time),
// slo_record.h (what was measured so far), and run(), which plays every stretch for all ways in turn, so that a slow
// moment of the machine hits them alike.
// The controller chooses from the plan's own curve, of the validation split. It is held against a ladder of fixed
// thresholds that were chosen on the test images themselves, around what a trial of the controller (another trace, by
// another seed) came to. Each figure is against a plan that was really played, the one that is better for the fixed
// side: misses against the dearest that is not more accurate than the controller was, accuracy against the cheapest
// that misses more than it did.
#include <cstdio>
#include <numeric>

#include "bench/bench_main.h"
#include "bench/slo_play.h"
#include "bench/slo_record.h"
#include "bench/slo_trace.h"
#include "core/system/machine.h"
#include "engine/status.h"
#include "evaluate/operation.h"
#include "route/score_table.h"

namespace {

using namespace triage;
using namespace triage::slo;

struct Options {
  std::string plan, data, engine = "auto", record, progress;
  double minutes = 9, stretch_seconds = 20, trial_seconds = 90, slo_us = 0, least_accuracy = 0;
  std::uint64_t seed = 20;
  bool simulate = false;
};

constexpr std::size_t kTried = 300, kRounds = 5;  // images that the machine's own speed is taken from

// What this machine takes for images that leave at this exit: the median of some rounds.
double path_us_at(Classifier& classifier, const PlanCurve& curve, const Images& images, std::size_t exit) {
  std::vector<double> thresholds(curve.path_us.size() - 1, -1);
  if (exit < thresholds.size()) thresholds[exit] = 1;
  if (const Status status = classifier.set_thresholds(thresholds); !status) fail("{}", status.error().message);
  std::vector<double> rounds;
  for (std::size_t round = 0; round < 1 + kRounds; ++round) {  // the first one warms up
    const double begun = steady_seconds();
    for (std::size_t i = 0; i < kTried; ++i) {
      if (const auto outcome = classifier.classify(images.views[i % images.views.size()]); !outcome)
        fail("{}", outcome.error().message);
    }
    if (round > 0) rounds.push_back(1e6 * seconds_since(begun) / static_cast<double>(kTried));
  }
  return summarize(rounds).median;
}

void print(const std::string& name, const Tally& tally) {
  std::printf("%-22s %9zu requests  %7.3f %% missed  %6.2f %% right  %6zu switches\n", name.c_str(), tally.requests,
              100 * tally.miss_share(), 100 * tally.accuracy(), tally.switches);
}

Tally sum_of(const std::vector<Tally>& stretches) {
  Tally sum;
  for (const Tally& one : stretches) sum += one;
  return sum;
}

double miss_ratio(const Tally& fixed, const Tally& followed) {
  return fixed.miss_share() /
         std::max(followed.miss_share(), 1 / static_cast<double>(std::max<std::size_t>(followed.requests, 1)));
}

double apart(const Tally& a, const Tally& b) { return 100 * (a.accuracy() - b.accuracy()); }

// Resampled over the stretches.
Interval over_stretches(const std::vector<Tally>& a, const std::vector<Tally>& b,
                        const std::function<double(const Tally&, const Tally&)>& figure) {
  return bootstrap_interval(
      a.size(),
      [&](std::span<const std::uint32_t> drawn) {
        Tally left, right;
        for (const std::uint32_t i : drawn) {
          left += a[i];
          right += b[i];
        }
        return figure(left, right);
      },
      1000, 1);
}

class Bench {
 public:
  Bench(const Options& options)
      : options_(options),
        plan_(plan::load_plan(options.plan)),
        curve_(engine::take(load_curve(options.plan))),
        dataset_(data::Dataset::open(options.data)),
        indices_(evaluate::test_indices(dataset_)),
        images_(test_images(dataset_, indices_)),
        classifier_(engine::take(Classifier::load(options.plan, {.engine = options.engine}))) {}

  void run(const std::string& command) {
    const Json made_from{{"plan", sha256_file(fs::path(options_.plan) / "plan.json")},
                         {"curve", sha256_file(fs::path(options_.plan) / "curve.json")},
                         {"data", dataset_.info().sha256},
                         {"engine", classifier_.info().engine},
                         {"machine", machine_context()},
                         {"stretch", options_.stretch_seconds},
                         {"slo_us", options_.slo_us},
                         {"least_accuracy", options_.least_accuracy},
                         {"seed", options_.seed}};
    if (!options_.progress.empty() && fs::exists(options_.progress)) {
      measured_ = load(options_.progress, made_from);
      std::printf("%s: goes on behind %zu stretches\n", options_.progress.c_str(), measured_.tallies.front().size());
    } else {
      measured_.made_from = made_from;
      prepare();
      if (options_.simulate) return;
      keep();
    }
    play();
    report(command);
  }

 private:
  double most() const { return 1e6 / measured_.path_us.front(); }  // requests per second, all leaving at once

  Controller controller_of(const PlanCurve& curve) const {
    return engine::take(
        Controller::make(curve, {.least_accuracy = options_.least_accuracy, .target_us = measured_.slo_us}));
  }

  // The machine's own speed, what the controller will come to, and which fixed thresholds to hold it against.
  void prepare() {
    std::vector<double>& path_us = measured_.path_us;
    for (std::size_t exit = 0; exit < curve_.path_us.size(); ++exit)
      path_us.push_back(path_us_at(classifier_, curve_, images_, exit));
    measured_.slo_us = options_.slo_us > 0 ? options_.slo_us : 5 * path_us.back();
    const double slo_us = measured_.slo_us;
    std::printf("paths: %.1f us to %.1f us; a request is to be answered within %.0f us; at most %.0f requests/s\n",
                path_us.front(), path_us.back(), slo_us, kMostRate * most());

    const route::ScoreTable table = route::score_plan(plan_, options_.plan, dataset_, indices_, {}, 2);
    const PlanCurve fixed = fixed_curve(plan_, table, path_us);
    const std::uint64_t seed = derive_seed(options_.seed, "trial");
    const std::vector<double> arrivals = runtime::poisson_arrivals(steps_of(600, most(), seed), seed);
    Controller tried = controller_of(on_test_images(curve_, plan_, table, path_us));
    Simulated& trial = measured_.trial;
    trial = simulate(tried.curve(), arrivals, slo_us, seed, &tried, 0);
    std::printf("simulated: the controller %.2f %% right, %.3f %% missed\n", 100 * trial.accuracy,
                100 * trial.miss_share);
    if (!options_.simulate) {  // as it is on this machine
      Way way{"controller", {}, std::make_unique<Controller>(controller_of(curve_))};
      const auto end = std::ranges::upper_bound(arrivals, options_.trial_seconds);
      const Tally real = Play(classifier_, images_, way, slo_us).run({arrivals.begin(), end}, seed);
      print("on trial, controller", real);
      trial = {real.accuracy(), std::max(trial.miss_share, real.miss_share())};
    }
    const std::size_t attaining = point_that_attains(fixed, arrivals, slo_us, seed, trial.miss_share);
    for (const std::size_t i : ladder_of(fixed, attaining, trial.accuracy)) {
      const Simulated one = simulate(fixed, arrivals, slo_us, seed, nullptr, i);
      std::printf("fixed: %.2f %% right, simulated %.3f %% missed\n", 100 * one.accuracy, 100 * one.miss_share);
      measured_.thresholds.push_back(fixed.points[i].thresholds);
    }
    measured_.tallies.resize(1 + measured_.thresholds.size());
    if (options_.simulate) {
      const Tally known = oracle(fixed, steps_of(60 * options_.minutes, most(), options_.seed), slo_us, options_.seed);
      print("oracle (simulated)", known);
    }
  }

  void play() {
    std::vector<Way> ways;
    ways.push_back({"controller", {}, std::make_unique<Controller>(controller_of(curve_))});
    for (const std::vector<double>& thresholds : measured_.thresholds)
      ways.push_back({std::format("fixed {}", ways.size()), thresholds});
    const std::vector<double> arrivals =
        runtime::poisson_arrivals(steps_of(60 * options_.minutes, most(), options_.seed), options_.seed);
    std::vector<std::vector<Tally>>& tallies = measured_.tallies;
    for (std::size_t stretch = tallies.front().size(); stretch < stretches(); ++stretch) {
      const double begin = static_cast<double>(stretch) * options_.stretch_seconds;
      std::vector<double> part;
      for (const double at : arrivals)
        if (at >= begin && at < begin + options_.stretch_seconds) part.push_back(at - begin);
      std::vector<Tally> played(ways.size());
      for (std::size_t k = 0; k < ways.size(); ++k) {
        const std::size_t way = (stretch + k) % ways.size();
        played[way] = Play(classifier_, images_, ways[way], measured_.slo_us)
                          .run(part, derive_seed(options_.seed, "stretch", stretch));
      }
      for (std::size_t way = 0; way < ways.size(); ++way) tallies[way].push_back(played[way]);
      keep();
      std::printf("stretch %zu of %zu; so far\n", stretch + 1, stretches());
      for (std::size_t way = 0; way < ways.size(); ++way) print(ways[way].name, sum_of(tallies[way]));
      std::fflush(stdout);
    }
  }

  void keep() const {
    if (!options_.progress.empty()) save(options_.progress, measured_);
  }

  std::size_t stretches() const {
    return static_cast<std::size_t>(std::ceil(60 * options_.minutes / options_.stretch_seconds));
  }

  void report(const std::string& command) const {
    const std::vector<std::vector<Tally>>& tallies = measured_.tallies;
    const Tally followed = sum_of(tallies[0]);
    std::size_t stays = 1, punctual = tallies.size() - 1;
    for (std::size_t k = 1; k < tallies.size(); ++k)
      if (sum_of(tallies[k]).accuracy() <= followed.accuracy()) stays = k;
    for (std::size_t k = tallies.size(); k-- > 1;)
      if (sum_of(tallies[k]).miss_share() > followed.miss_share()) punctual = k;
    const Tally stayed = sum_of(tallies[stays]), other = sum_of(tallies[punctual]);
    const double ratio = miss_ratio(stayed, followed), difference = apart(followed, stayed),
                 points = apart(followed, other);
    std::printf("%.1f x fewer misses at %+.2f points against the fixed plan that is as accurate;\n", ratio, difference);
    std::printf("%+.2f points against the fixed plan that misses %.3f %%, the controller %.3f %%\n", points,
                100 * other.miss_share(), 100 * followed.miss_share());
    if (difference < 0) std::printf("no fixed plan of the ladder is less accurate than the controller was\n");
    if (options_.record.empty()) return;
    const auto count = static_cast<int>(followed.requests);
    record_figures(
        options_.record, command,
        {{"slo.miss_ratio", {ratio, "x", over_stretches(tallies[stays], tallies[0], miss_ratio), count}},
         {"slo.miss_ratio_points", {difference, "points", over_stretches(tallies[0], tallies[stays], apart), count}},
         {"slo.points", {points, "points", over_stretches(tallies[0], tallies[punctual], apart), count}},
         {"slo.controller_missed", {100 * followed.miss_share(), "%", std::nullopt, count}},
         {"slo.controller_accuracy", {100 * followed.accuracy(), "%", std::nullopt, count}},
         {"slo.fixed_equal_missed", {100 * stayed.miss_share(), "%", std::nullopt, count}},
         {"slo.fixed_equal_accuracy", {100 * stayed.accuracy(), "%", std::nullopt, count}},
         {"slo.fixed_punctual_missed", {100 * other.miss_share(), "%", std::nullopt, count}},
         {"slo.fixed_punctual_accuracy", {100 * other.accuracy(), "%", std::nullopt, count}},
         {"slo.target", {measured_.slo_us, "us"}}});
  }

  Options options_;
  plan::Plan plan_;
  PlanCurve curve_;
  data::Dataset dataset_;
  std::vector<std::uint32_t> indices_;
  Images images_;
  Classifier classifier_;
  Measured measured_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A bursty trace against a plan whose thresholds follow the load, and fixed ones", "slo_bench"};
  Options options;
  app.add_option("PLAN", options.plan, "plan directory with a curve.json")->required();
  app.add_option("--data", options.data, "imported data set; its test images are asked for")->required();
  app.add_option("--engine", options.engine, "of the classifier")->capture_default_str();
  app.add_option("--minutes", options.minutes, "of the trace; each of six ways plays it")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--stretch", options.stretch_seconds, "seconds that one way plays before the next one does")
      ->check(CLI::Range(1.0, 600.0))
      ->capture_default_str();
  app.add_option("--trial", options.trial_seconds, "seconds of another trace that the controller plays beforehand")
      ->check(CLI::Range(1.0, 600.0))
      ->capture_default_str();
  app.add_option("--progress", options.progress,
                 "keep here what was measured, after each stretch, and go on from it; --minutes may differ");
  app.add_option("--slo-us", options.slo_us, "a request is to be answered within; 0: five times the longest path")
      ->capture_default_str();
  app.add_option("--least-accuracy", options.least_accuracy,
                 "of the controller's points, as the curve promises it; 0: all may be taken")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the trace")->capture_default_str();
  app.add_flag("--simulate", options.simulate, "only the simulations; nothing is played or recorded");
  app.add_option("--record", options.record, "record the figures in this results/*.json");
  return triage::bench::bench_main(app, "slo_bench", argc, argv,
                                   [&](const std::string& command) { Bench(options).run(command); });
}
