// Cross-validation, choice and assembly of the routers.
//   RouterCandidate  objective x inputs x weight decay, trained on every fold; scored at several steps and strengths
//   lifts            area under the accuracy/share curve minus confidence's, per candidate, step, strength, fold
//   decide           the best by its mean; whether it is real by folds that took no part in choosing
#include "route/router/router_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/clock.h"
#include "core/rng.h"
#include "route/router/router_model.h"

namespace triage::route {
namespace {

struct RouterCandidate {
  RouterObjective objective;
  bool use_features;
  double weight_decay;
};

struct RouterSetting {  // one column of the lifts
  std::size_t candidate;
  int steps;
  double strength;
  std::vector<double> lift;  // [repeats * folds]
};

std::vector<RouterCandidate> make_candidates(const RouterData& data, const RouterTrainingOptions& options) {
  const bool any_features = std::ranges::any_of(data.exits, [](const auto& exit) { return exit.width > 3; });
  std::vector<RouterCandidate> out;
  for (const RouterObjective& objective : options.objectives) {
    out.push_back({objective, false, options.weight_decay.front()});
    for (double decay : options.weight_decay) {
      if (any_features) out.push_back({objective, true, decay});
    }
  }
  return out;
}

// [repeats][count]: the fold each image is held out in; equal shares of images where the last stage helps or harms.
std::vector<std::vector<int>> make_folds(const RouterData& data, const RouterTrainingOptions& options) {
  std::vector<std::vector<int>> out;
  for (int r = 0; r < options.repeats; ++r) {
    auto order = random_permutation(static_cast<std::uint32_t>(data.count),
                                    derive_seed(options.seed, "router folds", static_cast<std::uint64_t>(r)));
    std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return data.exits[0].hard_gain[i]; });
    auto& fold = out.emplace_back(data.count);
    for (std::size_t i = 0; i < order.size(); ++i) fold[order[i]] = static_cast<int>(i) % options.folds;
  }
  return out;
}

// Area between the accuracy/share curve of a ranking and the weak net's accuracy: escalating by falling score, ties in
// random order. Equal to (1/n) sum_i gain_i (1 - (rank_i - 1/2) / n) with mean ranks for ties.
double ranking_area(std::span<const float> score, std::span<const float> gain) {
  std::vector<std::uint32_t> order(score.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) { return score[a] > score[b]; });
  const auto n = static_cast<double>(score.size());
  double area = 0;
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    double tied = 0;
    for (end = first; end < order.size() && score[order[end]] == score[order[first]]; ++end) tied += gain[order[end]];
    area += tied * (1 - static_cast<double>(first + end) / 2 / n);
  }
  return area / n;
}

class CrossValidation {
 public:
  CrossValidation(const RouterData& data, const RouterTrainingOptions& options)
      : data_(data),
        options_(options),
        candidates_(make_candidates(data, options)),
        folds_(make_folds(data, options)),
        splits_(static_cast<std::size_t>(options.repeats) * static_cast<std::size_t>(options.folds)) {}

  const std::vector<RouterCandidate>& candidates() const { return candidates_; }

  std::vector<RouterSetting> run() const {
    std::vector<RouterMember> members;
    for (const RouterCandidate& c : candidates_) {
      for (std::size_t split = 0; split < splits_; ++split) {
        RouterMember& member = members.emplace_back(c.objective, c.use_features, c.weight_decay);
        for (std::size_t i = 0; i < data_.count; ++i) member.images.push_back(!held_out(split, i));
        member.seed = derive_seed(options_.seed, "router member", split);
      }
    }
    RouterBatch batch(data_, std::move(members), options_.hidden, options_.learning_rate);
    std::vector<RouterSetting> settings;
    for (int steps = options_.check_every; steps <= options_.steps; steps += options_.check_every) {
      batch.train(options_.check_every);
      score(batch, steps, settings);
    }
    return settings;
  }

 private:
  bool held_out(std::size_t split, std::size_t image) const {
    const auto folds = static_cast<std::size_t>(options_.folds);
    return folds_[split / folds][image] == static_cast<int>(split % folds);
  }

  void score(const RouterBatch& batch, int steps, std::vector<RouterSetting>& settings) const {
    const std::size_t first = settings.size();
    for (std::size_t c = 0; c < candidates_.size(); ++c) {
      for (double strength : options_.strengths) settings.push_back({c, steps, strength, std::vector<double>(splits_)});
    }
    for (std::size_t k = 0; k < data_.exits.size(); ++k) {
      const RouterData::ExitInputs& exit = data_.exits[k];
      const RouterBatch::Outputs outputs = batch.outputs(k);
      for (std::size_t split = 0; split < splits_; ++split) {
        std::vector<float> gain, doubt, mixed;
        for (std::size_t i = 0; i < data_.count; ++i) {
          if (!held_out(split, i)) continue;
          gain.push_back(exit.hard_gain[i]);
          doubt.push_back(
              -exit.standardised[i * static_cast<std::size_t>(exit.width) + static_cast<std::size_t>(exit.width) - 3]);
        }
        const double base = ranking_area(doubt, gain);
        for (std::size_t s = first; s < settings.size(); ++s) {
          const std::size_t member = settings[s].candidate * splits_ + split;
          mixed.clear();
          for (std::size_t i = 0; i < data_.count; ++i) {
            if (!held_out(split, i)) continue;
            mixed.push_back(outputs.skip[member][i] +
                            static_cast<float>(settings[s].strength) * outputs.hidden[member][i]);
          }
          settings[s].lift[split] += ranking_area(mixed, gain) - base;
        }
      }
    }
  }

  const RouterData& data_;
  const RouterTrainingOptions& options_;
  std::vector<RouterCandidate> candidates_;
  std::vector<std::vector<int>> folds_;
  std::size_t splits_;
};

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Mean lift over `splits` of one repeat, one of them left out.
double mean_without(std::span<const double> lift, std::size_t left_out) {
  return (std::accumulate(lift.begin(), lift.end(), 0.0) - lift[left_out]) / static_cast<double>(lift.size() - 1);
}

struct Decision {
  const RouterSetting* best = nullptr;
  double lift = 0, held_out_lift = 0, held_out_error = 0;  // error: standard error
  bool better = false;
};

Decision decide(const std::vector<RouterSetting>& settings, const RouterTrainingOptions& options) {
  Decision out;
  out.best = &*std::ranges::max_element(settings, {}, [](const RouterSetting& s) { return mean(s.lift); });
  out.lift = mean(out.best->lift);
  const auto folds = static_cast<std::size_t>(options.folds);
  for (int r = 0; r < options.repeats; ++r) {
    std::vector<double> held_out;
    for (std::size_t f = 0; f < folds; ++f) {
      const auto of_repeat = [&](const RouterSetting& s) {
        return std::span(s.lift).subspan(static_cast<std::size_t>(r) * folds, folds);
      };
      const RouterSetting& chosen = *std::ranges::max_element(
          settings, {}, [&](const RouterSetting& s) { return mean_without(of_repeat(s), f); });
      held_out.push_back(of_repeat(chosen)[f]);
    }
    const double centre = mean(held_out);
    double squares = 0;
    for (double lift : held_out) squares += (lift - centre) * (lift - centre);
    out.held_out_lift += centre / options.repeats;
    out.held_out_error +=
        std::sqrt(squares / static_cast<double>(folds - 1) / static_cast<double>(folds)) / options.repeats;
  }
  out.better = out.lift > 0 && out.held_out_lift > options.evidence * out.held_out_error;
  return out;
}

plan::Router empty_router(const RouterData::ExitInputs& exit) {
  plan::Router router;
  router.feature_width = exit.width - 3;
  router.mean = exit.mean;
  router.scale = exit.scale;
  return router;
}

// The confidence ranking as a router: g is the probability that this exit is wrong, by logistic regression.
plan::Router confidence_router(const RouterData::ExitInputs& exit) {
  plan::Router router = empty_router(exit);
  router.hidden = 1;
  router.weight1.assign(static_cast<std::size_t>(exit.width), 0);
  router.bias1 = router.weight2 = {0};
  router.skip = exit.skip;
  router.bias2 = exit.bias;
  return router;
}

// The mean of the members before the sigmoid is one router with all their hidden units.
plan::Router average(const RouterData::ExitInputs& exit, const RouterBatch& batch, std::size_t k, std::size_t members,
                     double strength) {
  plan::Router router = empty_router(exit);
  const float share = 1 / static_cast<float>(members);
  for (std::size_t e = 0; e < members; ++e) {
    const MemberWeights w = batch.weights(k, e);
    router.weight1.insert(router.weight1.end(), w.weight1.begin(), w.weight1.end());
    router.bias1.insert(router.bias1.end(), w.bias1.begin(), w.bias1.end());
    for (float v : w.weight2) router.weight2.push_back(v * share * static_cast<float>(strength));
    router.bias2 += w.bias2 * share;
    router.skip += w.skip * share;
  }
  router.hidden = static_cast<int>(router.bias1.size());
  return router;
}

Json describe(const RouterSetting& s, const RouterCandidate& c) {
  return {{"objective", c.objective.mixed ? "mixed" : "gain"},
          {c.objective.mixed ? "lambda" : "blend", c.objective.weight},
          {"features", c.use_features},
          {"weight_decay", c.weight_decay},
          {"steps", s.steps},
          {"strength", s.strength},
          {"area_lift", mean(s.lift)}};
}

Json make_report(const std::vector<RouterSetting>& settings, const std::vector<RouterCandidate>& candidates,
                 const Decision& decision, const RouterData& data) {
  double gap = 0;
  for (float gain : data.exits[0].hard_gain) gap += gain / static_cast<double>(data.count);
  Json report{{"images", data.count}, {"accuracy_gap", gap}};
  report["chosen"] = describe(*decision.best, candidates[decision.best->candidate]);
  report["held_out_area_lift"] = decision.held_out_lift;
  report["held_out_standard_error"] = decision.held_out_error;
  if (gap > 0) report["held_out_apgr_lift"] = decision.held_out_lift / gap;
  report["learned"] = decision.better;
  for (std::size_t c = 0; c < candidates.size(); ++c) {  // each at its best step and strength
    const RouterSetting* best = nullptr;
    for (const RouterSetting& s : settings) {
      if (s.candidate == c && (best == nullptr || mean(s.lift) > mean(best->lift))) best = &s;
    }
    report["candidates"].push_back(describe(*best, candidates[c]));
  }
  return report;
}

}  // namespace

TrainedRouters train_routers(const ScoreTable& table, std::span<const plan::Exit> exits,
                             std::span<const double> path_latency_us, const RouterTrainingOptions& options) {
  const double start = steady_seconds();
  if (options.folds < kMinFolds || options.repeats < 1 || options.members < 1 || options.hidden < 1 ||
      options.check_every < 1 || options.steps < options.check_every || options.objectives.empty() ||
      options.weight_decay.empty() || options.strengths.empty()) {
    fail(
        "router training: expected at least {} folds, {} steps, 1 repeat, member, hidden unit, objective, weight decay "
        "and strength",
        kMinFolds, options.check_every);
  }
  if (table.count() < min_images(options)) {
    fail("router training: {} images, expected at least {} ({} per fold)", table.count(), min_images(options),
         kImagesPerFold);
  }
  const RouterData data = prepare_router_data(table, exits, path_latency_us);
  const CrossValidation validation(data, options);
  const std::vector<RouterSetting> settings = validation.run();
  const Decision decision = decide(settings, options);

  TrainedRouters out;
  out.learned = decision.better;
  out.report = make_report(settings, validation.candidates(), decision, data);
  if (decision.better) {
    const RouterCandidate& chosen = validation.candidates()[decision.best->candidate];
    std::vector<RouterMember> members;
    for (int e = 0; e < options.members; ++e) {
      members.push_back({chosen.objective, chosen.use_features, chosen.weight_decay,
                         std::vector<std::uint8_t>(data.count, 1),
                         derive_seed(options.seed, "router final", static_cast<std::uint64_t>(e))});
    }
    RouterBatch batch(data, std::move(members), options.hidden, options.learning_rate);
    batch.train(decision.best->steps);
    for (std::size_t k = 0; k < data.exits.size(); ++k) {
      out.routers.push_back(
          average(data.exits[k], batch, k, static_cast<std::size_t>(options.members), decision.best->strength));
    }
  } else {
    for (const RouterData::ExitInputs& exit : data.exits) out.routers.push_back(confidence_router(exit));
  }
  out.report["seconds"] = seconds_since(start);
  return out;
}

}  // namespace triage::route
