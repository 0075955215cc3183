// Map: Tuning is one kernel: sync (store -> what is known), propose (one generation), why_end, run (measure), finals;
// ChildSampler draws children. tune() and tune_all() are their callers.
#include "compiler/tuning/tune.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "compiler/kernel/schedule_model.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/statistics/statistics.h"

namespace triage::compiler {
namespace {

constexpr std::size_t kMinLesson = 8;         // candidates from which on a model is asked
constexpr double kCross = 0.3, kStray = 0.1;  // shares of children with two parents, and with none

int fields_apart(const Schedule& a, const Schedule& b) {
  return (a.algorithm != b.algorithm) + (a.vectors != b.vectors) + (a.columns != b.columns) + (a.rows != b.rows) +
         (a.unroll != b.unroll) + (a.order != b.order) + (a.share != b.share);
}

Schedule cross(const Schedule& a, const Schedule& b, Rng& rng) {
  const auto pick = [&](auto x, auto y) { return rng.below(2) == 0 ? x : y; };
  Schedule child;
  child.algorithm = pick(a.algorithm, b.algorithm);
  child.vectors = pick(a.vectors, b.vectors);
  child.columns = pick(a.columns, b.columns);
  child.rows = pick(a.rows, b.rows);
  child.unroll = pick(a.unroll, b.unroll);
  child.order = pick(a.order, b.order);
  child.share = pick(a.share, b.share);
  return child;
}

template <class T>
const T& any_of(const std::vector<T>& items, Rng& rng) {
  return items[rng.below(static_cast<std::uint32_t>(items.size()))];
}

// The fastest first.
std::vector<Candidate> ranked(std::vector<Candidate> candidates) {
  std::erase_if(candidates, [](const Candidate& candidate) { return !candidate.outcome.us; });
  std::ranges::stable_sort(candidates, {}, [](const Candidate& candidate) { return *candidate.outcome.us; });
  return candidates;
}

// Draws children of the parents, the first of which are the likeliest.
class ChildSampler {
 public:
  ChildSampler(const std::vector<Schedule>& all, const std::vector<Candidate>& parents) : all_(all) {
    for (const Candidate& parent : parents) {
      parents_.push_back(parent.schedule);
      std::vector<Schedule>& near = neighbours_.emplace_back();
      std::ranges::copy_if(all, std::back_inserter(near),
                           [&](const Schedule& other) { return fields_apart(other, parent.schedule) == 1; });
    }
  }

  Schedule child(Rng& rng) const {  // may be no allowed one
    const double kind = rng.uniform();
    if (parents_.empty() || kind < kStray) return any_of(all_, rng);
    const std::size_t parent = pick(rng);
    if (kind < kStray + kCross || neighbours_[parent].empty())
      return cross(parents_[parent], any_of(parents_, rng), rng);
    return any_of(neighbours_[parent], rng);
  }

 private:
  std::size_t pick(Rng& rng) const {
    const auto count = static_cast<std::uint32_t>(parents_.size());
    return std::min(rng.below(count), rng.below(count));
  }

  const std::vector<Schedule>& all_;
  std::vector<Schedule> parents_;
  std::vector<std::vector<Schedule>> neighbours_;
};

class Tuning {
 public:
  Tuning(const KernelKey& key, const Target& target, TuningStore& store, const Measure& measure,
         const TuneOptions& options)
      : key_(key), target_(target), store_(store), measure_(measure), options_(options) {
    if (options.candidates < 1 || options.generation < 1 || options.rounds < 1 || options.finalists < 1) {
      fail("tuning: expected candidates, generation, rounds and finalists of at least 1, found {}, {}, {} and {}",
           options.candidates, options.generation, options.rounds, options.finalists);
    }
    all_ = all_schedules(key, target);
    const Schedule plain = default_schedule(key, target);
    if (std::ranges::find(all_, plain) == all_.end()) all_.push_back(plain);
    allowed_.insert(all_.begin(), all_.end());
    wanted_ = std::min(options.candidates, static_cast<int>(all_.size()));
    sync();
  }

  TuneResult run() {
    const std::size_t before = known_.size();
    std::string why = store_.effort(key_) >= wanted_ ? "known" : "";
    const double start = steady_seconds();
    if (why.empty()) why = why_end(0);
    while (why.empty()) {
      for (const Schedule& schedule : propose()) {
        if (measured_.contains(schedule)) continue;
        measure_one(schedule);
        why = why_end(seconds_since(start));
        if (!why.empty()) break;
      }
    }
    if (why != "known") finals(why == "time" ? static_cast<int>(known_.size()) : wanted_);
    return result(why, static_cast<int>(known_.size() - before));
  }

 private:
  std::size_t known_generations() const {
    const auto generation = static_cast<std::size_t>(options_.generation);
    return known_.size() / generation * generation;
  }

  void sync() {
    known_ = store_.candidates(key_);
    std::erase_if(known_, [&](const Candidate& candidate) { return !allowed_.contains(candidate.schedule); });
    measured_.clear();
    for (const Candidate& candidate : known_) measured_.insert(candidate.schedule);
  }

  void remember(const Schedule& schedule, const CandidateResult& outcome) {
    store_.insert(key_, schedule, outcome);
    sync();
  }

  CandidateResult ask(const Schedule& schedule) const {
    const auto interrupted = [&] {
      return Interrupted(
          std::format("tuning {} was interrupted; {} candidates are in the store, the same command goes on",
                      key_.text(), known_.size()));
    };
    if (options_.stop.requested()) throw interrupted();
    try {
      return measure_(key_, schedule);
    } catch (const Interrupted&) {  // this candidate is lost
      throw interrupted();
    }
  }

  void measure_one(const Schedule& schedule) {
    remember(schedule, ask(schedule));
    if (!options_.progress) return;
    const std::vector<Candidate> best = ranked(known_);
    options_.progress({key_, static_cast<int>(known_.size()), wanted_, best.empty() ? 0 : *best[0].outcome.us});
  }

  // Why no more is measured; empty: go on.
  std::string why_end(double seconds) const {
    if (known_.size() >= all_.size()) return "everything";
    if (known_.size() >= static_cast<std::size_t>(wanted_)) return "candidates";
    const auto patience = static_cast<std::size_t>(std::max(1, options_.patience));
    if (known_.size() > patience) {
      const auto of_first = [&](std::size_t count) {
        return ranked({known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(count)});
      };
      const std::vector<Candidate> before = of_first(known_.size() - patience), now = of_first(known_.size());
      if (!before.empty() && *now[0].outcome.us > *before[0].outcome.us * (1 - options_.settled)) return "settled";
    }
    if (seconds > options_.seconds && !ranked(known_).empty()) return "time";
    return "";
  }

  // The generation that follows the last complete one: of one that was interrupted, the same again.
  std::vector<Schedule> propose() const {
    const std::size_t first = known_generations();
    const std::vector<Candidate> past(known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(first));
    std::set<Schedule> taken;
    for (const Candidate& candidate : past) taken.insert(candidate.schedule);
    std::vector<Schedule> generation;
    const auto room = [&] { return static_cast<std::size_t>(options_.generation) - generation.size(); };
    const auto take = [&](const Schedule& schedule) {
      if (room() > 0 && allowed_.contains(schedule) && taken.insert(schedule).second) generation.push_back(schedule);
    };
    if (first == 0) {
      take(default_schedule(key_, target_));
      for (const Candidate& near : store_.nearest(key_, options_.nearest)) take(near.schedule);
    }
    Rng rng(derive_seed(derive_seed(options_.seed, "tuning generation", first), key_.text()));
    const auto random_count = static_cast<std::size_t>(std::lround(options_.explore * options_.generation));
    const std::vector<Schedule> children = rated_children(past, taken, rng);
    for (std::size_t i = 0; i < children.size() && room() > random_count; ++i) take(children[i]);
    for (std::size_t i = 0; i < children.size() && room() > 0; ++i) take(any_of(children, rng));
    while (room() > 0 && taken.size() < all_.size()) take(any_of(all_, rng));
    return generation;
  }

  // Children not taken yet, those that the model thinks fastest first. Empty when there is too little to learn from.
  std::vector<Schedule> rated_children(const std::vector<Candidate>& past, const std::set<Schedule>& taken,
                                       Rng& rng) const {
    std::vector<Candidate> lesson = store_.all();
    std::erase_if(lesson, [&](const Candidate& candidate) { return candidate.key == key_; });
    lesson.insert(lesson.end(), past.begin(), past.end());
    if (lesson.size() < kMinLesson) return {};
    std::vector<Candidate> parents = ranked(past);
    if (parents.size() > options_.parents) parents.resize(options_.parents);
    const ChildSampler sampler(all_, parents);
    std::set<Schedule> children;
    for (int i = 0; i < options_.proposals; ++i) {
      const Schedule child = sampler.child(rng);
      if (allowed_.contains(child) && !taken.contains(child)) children.insert(child);
    }
    const ScheduleModel model(lesson, target_);
    std::vector<std::pair<double, Schedule>> rated;
    for (const Schedule& child : children) rated.emplace_back(model.predict(key_, child), child);
    std::ranges::sort(rated);
    std::vector<Schedule> best;
    for (const auto& [prediction, child] : rated) best.push_back(child);
    return best;
  }

  // Rounds among the fastest until one comes through without a failure, which wins.
  void finals(int effort) {
    for (;;) {
      std::vector<Candidate> order = ranked(known_);
      if (order.empty()) {
        fail("{}: none of {} schedules works; {}: {}", key_.text(), known_.size(), known_[0].schedule.text(),
             known_[0].outcome.failure);
      }
      std::vector<Schedule> finalists;
      const Schedule plain = default_schedule(key_, target_);
      for (std::size_t i = 0; i < order.size(); ++i) {
        if (i < options_.finalists || order[i].schedule == plain) finalists.push_back(order[i].schedule);
      }
      const std::vector<CandidateResult> outcomes = rounds(finalists);
      std::optional<std::size_t> winner;
      for (std::size_t i = 0; i < finalists.size(); ++i) {
        remember(finalists[i], outcomes[i]);
        if (outcomes[i].us && (!winner || *outcomes[i].us < *outcomes[*winner].us)) winner = i;
      }
      if (winner) return store_.finish(key_, finalists[*winner], effort);
    }
  }

  // Each schedule's median over the rounds. Every round begins with another one: what follows a slow one is no slower
  // for it every time. One failure is one too many.
  std::vector<CandidateResult> rounds(const std::vector<Schedule>& schedules) const {
    const std::size_t count = schedules.size();
    std::vector<std::vector<double>> times(count);
    std::vector<CandidateResult> outcomes(count);
    for (std::size_t round = 0; round < static_cast<std::size_t>(options_.rounds); ++round) {
      for (std::size_t turn = 0; turn < count; ++turn) {
        const std::size_t i = (round + turn) % count;
        if (!outcomes[i].failure.empty()) continue;
        const CandidateResult outcome = ask(schedules[i]);
        if (outcome.us)
          times[i].push_back(*outcome.us);
        else
          outcomes[i] = outcome;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (outcomes[i].failure.empty()) outcomes[i] = outcome_of(times[i]);
    }
    return outcomes;
  }

  TuneResult result(std::string why, int measured) const {
    std::optional<Candidate> best = store_.best(key_);
    if (!best) fail("{}: the store knows no schedule that works", key_.text());
    TuneResult result{.best = std::move(*best),
                      .known = static_cast<int>(known_.size()),
                      .measured = measured,
                      .why = std::move(why)};
    const Schedule plain = default_schedule(key_, target_);
    for (const Candidate& candidate : known_) {
      if (candidate.schedule == plain) result.default_us = candidate.outcome.us.value_or(0);
    }
    return result;
  }

  const KernelKey& key_;
  const Target& target_;
  TuningStore& store_;
  const Measure& measure_;
  const TuneOptions& options_;
  std::vector<Schedule> all_;  // allowed
  std::set<Schedule> allowed_, measured_;
  std::vector<Candidate> known_;  // in the order in which they were measured first
  int wanted_ = 0;
};

}  // namespace

TuneResult tune(const KernelKey& key, const Target& target, TuningStore& store, const Measure& measure,
                const TuneOptions& options) {
  return Tuning(key, target, store, measure, options).run();
}

std::map<KernelKey, TuneResult> tune_all(std::span<const KernelKey> keys, const Target& target, TuningStore& store,
                                         const Measure& measure, const TuneOptions& options) {
  const std::set<KernelKey> unique(keys.begin(), keys.end());
  std::vector<KernelKey> order(unique.begin(), unique.end());
  std::ranges::stable_sort(order, std::greater{}, &KernelKey::macs);
  const double start = steady_seconds();
  std::map<KernelKey, TuneResult> results;
  for (const KernelKey& key : order) {
    TuneOptions own = options;
    own.seconds = (options.seconds - seconds_since(start)) / static_cast<double>(order.size() - results.size());
    results.emplace(key, tune(key, target, store, measure, own));
  }
  return results;
}

}  // namespace triage::compiler
