// Map: Promise (what a point promises of an exit), the rings of what came last, and the looks at them.
#include "triage/audit.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <mutex>
#include <optional>

#include "core/rng.h"
#include "core/statistics/statistics.h"
#include "engine/status.h"
#include "runtime/control/audit_memory.h"
#include "runtime/control/drift.h"

namespace triage {

using runtime::Compared, runtime::LastOf, runtime::Promise;

namespace {

constexpr std::size_t kRecentAudits = 1000;
constexpr std::size_t kFewScores = 200;  // from fewer no threshold is solved
constexpr std::size_t kMostWindow = 1 << 20;

std::vector<Promise> promises_of(const OperatingPoint& point, std::size_t images) {
  std::vector<Promise> promises;
  for (std::size_t exit = 0; exit < point.agreement.size(); ++exit) {
    const auto left = static_cast<std::size_t>(std::lround(point.exit_share[exit] * static_cast<double>(images)));
    const auto agreed = static_cast<std::size_t>(std::lround(point.agreement[exit] * static_cast<double>(left)));
    promises.push_back({point.agreement[exit], left == 0 ? 1 : 1 - proportion_interval(agreed, left).low});
  }
  return promises;
}

void check_audit_options(const PlanCurve& curve, const AuditOptions& options) {
  if (curve.scores.empty())
    engine::fail_with(ErrorCode::bad_input, "audit: expected a plan of two stages or more, found one");
  if (!(options.share >= 0 && options.share <= 1))
    engine::fail_with(ErrorCode::bad_input, "audit: share: expected a number from 0 to 1, found {}", options.share);
  if (options.window < kFewScores || options.window > kMostWindow) {
    engine::fail_with(ErrorCode::bad_input, "audit: window: expected {} to {} images, found {}", kFewScores,
                      kMostWindow, options.window);
  }
  const auto window = static_cast<double>(options.window);
  if (!(options.images_between_false_alarms >= window)) {
    engine::fail_with(ErrorCode::bad_input,
                      "audit: images_between_false_alarms: expected a number from {} (the window), found {}", window,
                      options.images_between_false_alarms);
  }
}

}  // namespace

struct Audit::Impl {
  Impl(PlanCurve made, AuditOptions set)
      : curve(std::move(made)),
        options(std::move(set)),
        detector(std::max(2.0, options.images_between_false_alarms * options.share)),
        recent(kRecentAudits),
        scores(curve.scores.size(), LastOf<float>(options.window)),
        drawn_scores(curve.scores.size(), LastOf<float>(options.window)),
        looks(curve.scores.size()) {
    looks.front().limit = limit_of(options.window, static_cast<double>(options.window));
    tell_largest();
    take(curve.plan);
  }

  // Alarms of all exits together are as rare as promised: images_each pass between two looks at this one.
  double limit_of(std::size_t values, double images_each) const {
    const auto exits = static_cast<double>(curve.scores.size());
    return runtime::score_distance_limit(values, curve.images,
                                         std::min(1.0, images_each / options.images_between_false_alarms / exits));
  }

  bool look_at(std::size_t exit, const LastOf<float>& values, double images_each) {
    std::vector<float> sorted = values.values();
    std::ranges::sort(sorted);
    Look& look = looks[exit];
    look = {runtime::score_distance(sorted, curve.scores[exit]), limit_of(sorted.size(), images_each)};
    tell_largest();
    const bool alarm = look.distance > look.limit;
    if (alarm) ++seen.score_alarms;
    return alarm;
  }

  void tell_largest() {
    const auto largest =
        std::ranges::max_element(looks, {}, [](const Look& look) { return look.distance / look.limit; });
    seen.score_exit = static_cast<std::size_t>(largest - looks.begin());
    seen.score_distance = largest->distance;
    seen.score_limit = largest->limit;
  }

  void take(const OperatingPoint& next) {
    point = next;
    promises = promises_of(point, curve.images);
  }

  std::vector<double> solved(const OperatingPoint& wanted) const {
    std::vector<double> thresholds = wanted.thresholds;
    double reach = 1;
    for (std::size_t exit = 0; exit < scores.size(); ++exit) {
      const double on = reach - wanted.exit_share[exit];
      std::vector<float> sorted = scores[exit].values();
      if (sorted.size() >= kFewScores && reach > 0) {
        std::ranges::sort(sorted);
        thresholds[exit] = runtime::threshold_for_share(sorted, on / reach);
      }
      reach = on;
    }
    return thresholds;
  }

  AuditSummary summarized() const {
    AuditSummary out = seen;
    std::size_t agreed = 0;
    double promised = 0;
    for (const Compared& one : recent.values()) {
      agreed += one.agrees ? 1 : 0;
      promised += one.promised;
    }
    if (const std::size_t count = recent.values().size(); count > 0) {
      out.agreement = static_cast<double>(agreed) / static_cast<double>(count);
      const Interval interval = proportion_interval(agreed, count);
      out.agreement_low = interval.low;
      out.agreement_high = interval.high;
      out.promised_agreement = promised / static_cast<double>(count);
    }
    out.thresholds = solved(point);
    std::string solved_text;
    for (const double threshold : out.thresholds)
      solved_text += std::format("{}{:.4f}", solved_text.empty() ? "" : ", ", threshold);
    out.text = std::format(
        "{} images, {} audited: {:.2f} % agree with the last stage [{:.2f}, {:.2f}], {:.2f} % were promised{}; scores "
        "at exit {} differ by {:.3f}, at most {:.3f} is chance{}; thresholds for the promised shares: {}",
        out.images, out.audited, 100 * out.agreement, 100 * out.agreement_low, 100 * out.agreement_high,
        100 * out.promised_agreement, out.new_agreement_alarm ? " (ALARM: less than promised)" : "", out.score_exit,
        out.score_distance, out.score_limit, out.new_score_alarm ? " (ALARM: other images)" : "", solved_text);
    return out;
  }

  // A summary to log, where one is due.
  std::optional<AuditSummary> look_at_scores() {
    if (seen.images % options.window != 0) return std::nullopt;
    seen.new_score_alarm = look_at(0, scores.front(), static_cast<double>(options.window));
    seen.new_agreement_alarm = false;
    if (!options.log) return std::nullopt;
    return summarized();
  }

  // Behind the first exit, of the images that were drawn; logged where one alarms.
  std::optional<AuditSummary> look_behind() {
    if (sampled % kFewScores != 0) return std::nullopt;
    bool alarm = false;
    for (std::size_t exit = 1; exit < drawn_scores.size(); ++exit)
      alarm = look_at(exit, drawn_scores[exit], kFewScores / std::max(options.share, 1e-9)) || alarm;
    if (!alarm) return std::nullopt;
    seen.new_score_alarm = true;
    seen.new_agreement_alarm = false;
    if (!options.log) return std::nullopt;
    return summarized();
  }

  PlanCurve curve;
  AuditOptions options;
  OperatingPoint point;  // in force
  std::vector<Promise> promises;
  runtime::DisagreementDetector detector;
  LastOf<Compared> recent;
  struct Look {
    double distance = 0, limit = 1;
  };
  std::vector<LastOf<float>> scores, drawn_scores;  // by exit: of images that came there, and of those that were drawn
  std::vector<Look> looks;                          // by exit, the last one
  std::size_t sampled = 0;
  AuditSummary seen;  // what is counted; summarized() adds the rest
  std::uint64_t drawn = 0;
  mutable std::mutex mutex;
};

Audit::Audit(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Audit::Audit(Audit&&) noexcept = default;
Audit& Audit::operator=(Audit&&) noexcept = default;
Audit::~Audit() = default;

Result<Audit> Audit::make(PlanCurve curve, AuditOptions options) {
  try {
    check_audit_options(curve, options);
    return Audit(std::make_unique<Impl>(std::move(curve), std::move(options)));
  } catch (...) {
    return engine::current_error();
  }
}

void Audit::in_force(const OperatingPoint& point) {
  const std::lock_guard lock(impl_->mutex);
  impl_->take(point);
}

bool Audit::wanted() {
  const std::lock_guard lock(impl_->mutex);
  return Rng(derive_seed(impl_->options.seed, "audit", impl_->drawn++)).uniform() < impl_->options.share;
}

void Audit::passed(std::span<const float> scores) {
  std::optional<AuditSummary> due;
  {
    const std::lock_guard lock(impl_->mutex);
    Impl& own = *impl_;
    if (scores.empty()) return;
    for (std::size_t exit = 0; exit < std::min(scores.size(), own.scores.size()); ++exit)
      own.scores[exit].add(scores[exit]);
    ++own.seen.images;
    due = own.look_at_scores();
  }
  if (due) impl_->options.log(*due);
}

void Audit::sampled(std::span<const float> scores) {
  std::optional<AuditSummary> due;
  {
    const std::lock_guard lock(impl_->mutex);
    Impl& own = *impl_;
    if (scores.size() < own.drawn_scores.size() || own.drawn_scores.size() < 2) return;
    for (std::size_t exit = 1; exit < own.drawn_scores.size(); ++exit) own.drawn_scores[exit].add(scores[exit]);
    ++own.sampled;
    due = own.look_behind();
  }
  if (due) impl_->options.log(*due);
}

void Audit::compared(std::size_t exit, bool agrees) {
  std::optional<AuditSummary> due;
  {
    const std::lock_guard lock(impl_->mutex);
    Impl& own = *impl_;
    if (exit >= own.promises.size()) return;
    const Promise& promise = own.promises[exit];
    ++own.seen.audited;
    own.recent.add({agrees, promise.agreement});
    if (own.detector.add(agrees, promise.most_disagreement)) {
      ++own.seen.agreement_alarms;
      own.seen.new_agreement_alarm = true;
      own.seen.new_score_alarm = false;
      if (own.options.log) due = own.summarized();
    }
  }
  if (due) impl_->options.log(*due);
}

AuditSummary Audit::summary() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->summarized();
}

std::vector<double> Audit::solved_thresholds(const OperatingPoint& point) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->solved(point);
}

}  // namespace triage
