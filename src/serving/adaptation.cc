#include "serving/adaptation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <mutex>

#include "engine/status.h"

namespace triage::serving {
namespace {

// Decides after each batch, from how long its images had waited and how fast requests come.
class Adaptation : public Observer {
 public:
  Adaptation(const PlanToWatch& plan, const AdaptationOptions& options, const PlanCurve& curve, int workers)
      : name_(plan.name),
        stages_(plan.stages),
        clock_(options.clock),
        log_(options.log),
        apply_(options.apply_audit),
        range_(ranges_of(curve, options.controller.value_or(ControllerOptions{}))),
        point_(curve.plan) {
    if (options.controller) {
      ControllerOptions set = *options.controller;
      set.parallel = workers;
      controller_.emplace(engine::take(Controller::make(curve, set)));
      put(controller_->decide({.seconds = clock_()}));
    }
    if (!options.audit) return;
    AuditOptions set = *options.audit;
    set.log = [this](const AuditSummary& summary) {
      say(summary.text);
      if (apply_) follow_drift(summary.score_distance > summary.score_limit);
    };
    audit_.emplace(engine::take(Audit::make(curve, std::move(set))));
    if (controller_) audit_->in_force(curve.points[controller_->status().index]);
  }

  void request_taken(std::size_t images) override {
    if (controller_) controller_->arrived(clock_(), images);
  }

  void batch_ran(const BatchReport& report) override {
    if (!controller_ || report.stage < 0) return;
    const std::vector<double>& path = controller_->curve().path_us;
    const auto stage = static_cast<std::size_t>(report.stage);
    const double each = path[stage] - (stage == 0 ? 0 : path[stage - 1]);
    controller_->served(report.images * each, report.input_us + report.infer_us + report.output_us);
    // Those behind the one that waited longest: as many as came meanwhile (Little's law).
    const double behind = 1e-6 * report.longest_wait_us * controller_->status().arrivals_per_s;
    const std::lock_guard lock(deciding_);  // so that the last decision is the one in force
    put(controller_->decide({.seconds = clock_(),
                             .waiting = std::max(behind, static_cast<double>(report.images)),
                             .oldest_wait_us = report.longest_wait_us}));
  }

  void image_answered(const Answer& answer) override {
    if (!audit_) return;
    std::array<float, plan::kMaxStages> scores{};
    const std::size_t exits = std::min(answer.visits.size(), static_cast<std::size_t>(stages_->size()) - 1);
    for (std::size_t exit = 0; exit < exits; ++exit) scores[exit] = answer.visits[exit].score;
    audit_->passed(std::span(scores).first(exits));
  }

  void sampled(std::span<const StageVisit> visits) override {
    if (!audit_ || visits.empty()) return;
    std::array<float, plan::kMaxStages> scores{};
    for (std::size_t exit = 0; exit + 1 < visits.size(); ++exit) scores[exit] = visits[exit].score;
    audit_->sampled(std::span(scores).first(visits.size() - 1));
  }

  void audited(const AuditReport& report) override {
    if (!audit_ || report.visits.empty()) return;
    const auto exit = static_cast<std::size_t>(report.exit);
    audit_->compared(exit, report.visits[exit].label == report.visits.back().label);
  }

 private:
  void put(const ControllerDecision& decision) {
    if (!decision.changed && put_once_) return;
    put_once_ = true;
    point_ = *decision.point;
    if (audit_) audit_->in_force(point_);
    stages_->thresholds().set(drifted_ ? solved() : point_.thresholds);
  }

  // The thresholds at which as many live images go on as the point in force promised, between those of the points that
  // the user's bounds allow. Behind the first exit only where the point stays: the audit's scores there are of images
  // that came under it.
  std::vector<double> solved() const {
    std::vector<double> thresholds = point_.thresholds;
    const std::vector<double> live = audit_->solved_thresholds(point_);
    const std::size_t exits = controller_ ? 1 : thresholds.size();
    for (std::size_t exit = 0; exit < exits; ++exit)
      thresholds[exit] = std::clamp(live[exit], range_[exit].first, range_[exit].second);
    return thresholds;
  }

  // Whether the scores of some exit, at the last look, were of other images than the curve's.
  void follow_drift(bool drifts) {
    std::vector<double> thresholds;
    {
      const std::lock_guard lock(deciding_);
      if (!drifts && !drifted_) return;
      drifted_ = drifts;
      thresholds = drifts ? solved() : point_.thresholds;
      stages_->thresholds().set(thresholds);
    }
    std::string text;
    for (const double threshold : thresholds) text += std::format("{}{:.4f}", text.empty() ? "" : ", ", threshold);
    say(std::format("thresholds in force: {} ({})", text, drifts ? "solved on live images" : "the curve's again"));
  }

  // By exit, the least and the largest threshold of the points between the bounds.
  static std::vector<std::pair<double, double>> ranges_of(const PlanCurve& curve, const ControllerOptions& bounds) {
    std::vector<std::pair<double, double>> ranges;
    for (std::size_t exit = 0; exit + 1 < curve.path_us.size(); ++exit) {
      double least = curve.plan.thresholds[exit], largest = least;
      bool any = false;
      for (const OperatingPoint& point : curve.points) {
        if (point.accuracy < bounds.least_accuracy ||
            (bounds.most_latency_us && point.mean_latency_us > *bounds.most_latency_us))
          continue;
        least = any ? std::min(least, point.thresholds[exit]) : point.thresholds[exit];
        largest = any ? std::max(largest, point.thresholds[exit]) : point.thresholds[exit];
        any = true;
      }
      ranges.emplace_back(least, largest);
    }
    return ranges;
  }

  void say(const std::string& text) const {
    if (log_) log_(std::format("{}: audit: {}", name_, text));
  }

  std::string name_;
  std::shared_ptr<runtime::StageSet> stages_;
  Clock clock_;
  std::function<void(const std::string&)> log_;
  bool apply_;
  std::vector<std::pair<double, double>> range_;
  OperatingPoint point_;  // in force
  bool drifted_ = false;  // the audit's thresholds are, instead of the point's
  std::optional<Controller> controller_;
  std::optional<Audit> audit_;
  std::mutex deciding_;
  bool put_once_ = false;
};

}  // namespace

void set_slo(ControllerOptions& options, const std::string& text) {
  const auto refuse = [&] { fail("'{}': expected a percentile and a time, such as p99=5ms (us, ms, s)", text); };
  const std::size_t equals = text.find('=');
  if (text.empty() || text[0] != 'p' || equals == std::string::npos) refuse();
  const auto number = [&](std::size_t begin, std::size_t end, double& value) {
    const char *first = text.data() + begin, *last = text.data() + end;
    const auto [stopped, error] = std::from_chars(first, last, value);
    if (error != std::errc()) refuse();
    return std::string(stopped, last);
  };
  double percentile = 0, time = 0;
  if (!number(1, equals, percentile).empty()) refuse();
  const std::string unit = number(equals + 1, text.size(), time);
  const double us = unit == "us" ? 1 : unit == "ms" ? 1e3 : unit == "s" ? 1e6 : 0;
  if (!(percentile >= 50 && percentile < 100) || !(time > 0 && time * us <= 3600e6) || us == 0) refuse();
  options.percentile = percentile;
  options.target_us = time * us;
}

double share_from_percent(const std::string& text) {
  double percent = -1;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc() || std::string_view(stopped, text.data() + text.size()) != "%" ||
      !(percent >= 0 && percent <= 100))
    fail("'{}': expected a percentage from 0% to 100%, such as 90%", text);
  return percent / 100;
}

Watch watch_adapting(const PlanToWatch& plan, const AdaptationOptions& options, int workers) {
  if (!options.controller && !options.audit) return {};
  if (plan.stages->size() == 1) {
    if (options.log)
      options.log(std::format("{}: a plan of one stage: there is nothing to adapt or to audit", plan.name));
    return {};
  }
  const PlanCurve curve = engine::take(load_curve(plan.directory));
  Watch watch{.audit_share = options.audit ? options.audit->share : 0};
  watch.observers.push_back(std::make_shared<Adaptation>(plan, options, curve, workers));
  return watch;
}

}  // namespace triage::serving
