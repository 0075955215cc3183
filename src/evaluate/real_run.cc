#include "evaluate/real_run.h"

#include <algorithm>
#include <cmath>

#include "core/clock.h"
#include "core/rng.h"
#include "route/curve.h"
#include "route/policy_scores.h"

namespace triage::evaluate {
namespace {

class TimedSetting {  // one way to run the plan, and what it took
 public:
  TimedSetting(const ClassifyRow& classify, const std::function<double()>& now_us)
      : classify_(&classify), now_(&now_us) {}

  Expected run(std::uint32_t row, std::size_t half) {
    const double start = (*now_)();
    const Expected outcome = (*classify_)(row);
    total_[half] += (*now_)() - start;
    ++images_[half];
    return outcome;
  }
  void warm_up(std::span<const std::uint32_t> rows) const {
    for (std::uint32_t row : rows) (*classify_)(row);
  }
  TurnTimes times() const {
    TurnTimes out;
    for (const std::size_t h : {0u, 1u}) {
      if (images_[h] > 0) out.half[h] = total_[h] / static_cast<double>(images_[h]);
    }
    out.mean = (total_[0] + total_[1]) / static_cast<double>(images_[0] + images_[1]);
    return out;
  }

 private:
  const ClassifyRow* classify_;
  const std::function<double()>* now_;
  std::array<double, 2> total_{};
  std::array<std::size_t, 2> images_{};
};

// Never of no image: the callers refuse an empty split.
double expected_latency(std::span<const double> path_us, std::span<const std::size_t> exits) {
  double total = 0, images = 0;
  for (std::size_t k = 0; k < exits.size(); ++k) {
    total += path_us[k] * static_cast<double>(exits[k]);
    images += static_cast<double>(exits[k]);
  }
  return total / images;
}

// The images measure() counts, in its order.
std::vector<std::uint32_t> rows_in_order(std::size_t split, const RealRunOptions& options) {
  const auto order = random_permutation(static_cast<std::uint32_t>(split), derive_seed(options.seed, "real run"));
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < options.images; ++i) rows.push_back(order[i % order.size()]);
  return rows;
}

std::vector<std::size_t> count_exits(std::span<const std::uint32_t> rows, std::span<const Expected> expected,
                                     std::size_t stages) {
  std::vector<std::size_t> exits(stages);
  for (std::uint32_t row : rows) ++exits.at(expected[row].exit);
  return exits;
}

}  // namespace

SplitImages::SplitImages(const data::Dataset& dataset, std::span<const std::uint32_t> indices, RealRunOptions& options)
    : at_(indices.size()) {
  constexpr std::size_t kHeldBytes = std::size_t{1} << 29;
  std::vector<std::uint32_t> held;
  const std::vector<std::uint32_t> rows = rows_in_order(indices.size(), options);
  for (const std::uint32_t row :
       std::span(rows).first(std::min(rows.size(), indices.size()))) {  // then they come again
    at_[row] = static_cast<std::uint32_t>(held.size());
    held.push_back(indices[row]);
  }
  held_.emplace(dataset, held, kHeldBytes);
  if (held_->size() < held.size()) options.images = held_->size();
}

ClassifyRow row_classifier(const Classifier& classifier, const SplitImages& images) {
  return [&classifier, &images](std::uint32_t row) {
    const auto outcome = classifier.classify(images.row(row));
    if (!outcome) throw Error(outcome.error().message);
    return Expected{static_cast<std::uint8_t>(outcome->exit), static_cast<Label>(outcome->label)};
  };
}

double steady_us() { return 1e6 * steady_seconds(); }

std::vector<TurnTimes> times_in_turns(
    std::span<const ClassifyRow> classify, std::size_t split, const std::function<double()>& now_us,
    const RealRunOptions& options,
    const std::function<void(std::size_t setting, std::uint32_t row, const Expected& outcome)>& said) {
  if (split == 0 || options.images == 0 || options.window == 0) fail("real run: no images to classify");
  std::vector<TimedSetting> settings;
  for (const ClassifyRow& one : classify) settings.emplace_back(one, now_us);
  const std::vector<std::uint32_t> rows = rows_in_order(split, options);
  const std::span<const std::uint32_t> all(rows);
  for (const TimedSetting& setting : settings) setting.warm_up(all.first(std::min(options.warm_up, all.size())));
  for (std::size_t first = 0, round = 0; first < rows.size(); first += options.window, ++round) {
    const auto window = all.subspan(first, std::min(options.window, rows.size() - first));
    for (std::size_t turn = 0; turn < settings.size(); ++turn) {
      const std::size_t which = (turn + round) % settings.size();  // no setting always comes first
      for (std::size_t i = 0; i < window.size(); ++i) {
        const Expected outcome = settings[which].run(window[i], first + i < rows.size() / 2 ? 0 : 1);
        if (said) said(which, window[i], outcome);
      }
    }
  }
  std::vector<TurnTimes> times;
  for (const TimedSetting& setting : settings) times.push_back(setting.times());
  return times;
}

results::RealRun measure(const ClassifyRow& plan, std::span<const ClassifyRow> forced,
                         std::span<const Expected> expected, const std::function<double()>& now_us,
                         const RealRunOptions& options) {
  std::vector<ClassifyRow> settings{plan};
  settings.insert(settings.end(), forced.begin(), forced.end());
  std::size_t agreed = 0;
  const auto count = [&](std::size_t setting, std::uint32_t row, const Expected& outcome) {
    if (setting == 0) agreed += outcome.exit == expected[row].exit && outcome.label == expected[row].label;
  };
  const std::vector<TurnTimes> times = times_in_turns(settings, expected.size(), now_us, options, count);
  const std::vector<std::uint32_t> rows = rows_in_order(expected.size(), options);
  results::RealRun out;
  out.images = rows.size();
  out.measured_us = times[0].mean;
  out.stable = true;
  for (const TurnTimes& path : std::span(times).subspan(1)) {
    out.path_us.push_back(path.mean);
    out.stable = out.stable && std::abs(path.half[1] - path.half[0]) <= kSteady * path.mean;
  }
  out.predicted_us = expected_latency(out.path_us, count_exits(rows, expected, forced.size()));
  out.agreement = static_cast<double>(agreed) / static_cast<double>(rows.size());
  return out;
}

results::RealRun run_plan(const std::string& directory, const plan::Plan& plan, const data::Dataset& dataset,
                          std::span<const std::uint32_t> indices, std::span<const Expected> expected,
                          const RealRunOptions& wanted) {
  const std::size_t stages = plan.stages.size();
  RealRunOptions options = wanted;
  const SplitImages images(dataset, indices, options);
  std::vector<Classifier> classifiers;
  for (std::size_t setting = 0; setting <= stages; ++setting) {  // the plan's thresholds, then exits 0, 1, ... forced
    ClassifierOptions how{.engine = options.engine};
    for (std::size_t e = 0; setting > 0 && e + 1 < stages; ++e) {
      how.thresholds.push_back(e + 1 < setting ? threshold::kEscalateAll : threshold::kEscalateNone);
    }
    auto loaded = Classifier::load(directory, how);
    if (!loaded) throw Error(loaded.error().message);
    classifiers.push_back(std::move(*loaded));
  }
  std::vector<ClassifyRow> runs;
  for (const Classifier& classifier : classifiers) runs.push_back(row_classifier(classifier, images));
  results::RealRun out = measure(runs[0], std::span(runs).subspan(1), expected, steady_us, options);
  out.engine = classifiers[0].info().engine;
  out.alone_us = alone_from_paths(plan, out.path_us);
  out.engine_note = classifiers[0].info().engine_note;
  out.stored_path_us = route::path_latency_us(plan);
  out.stored_predicted_us =
      expected_latency(out.stored_path_us, count_exits(rows_in_order(expected.size(), options), expected, stages));
  return out;
}

std::vector<double> alone_from_paths(const plan::Plan& plan, std::span<const double> path_us) {
  std::vector<double> out;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const double own = path_us[s] - (s > 0 ? path_us[s - 1] : 0);
    const bool goes_on = plan.stages[s].input == plan::StageInput::features;
    out.push_back(own + (goes_on ? out[static_cast<std::size_t>(plan.stages[s].source)] : 0));
  }
  return out;
}

}  // namespace triage::evaluate
