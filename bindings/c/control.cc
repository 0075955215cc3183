// The C API (triage_control.h) around Controller and Audit.
#include <optional>

#include "border.h"
#include "triage/audit.h"
#include "triage/controller.h"
#include "triage_control.h"

struct triage_controller {
  triage::Controller controller;
};

struct triage_audit {
  triage::PlanCurve curve;
  triage::Audit audit;
};

namespace triage::c {
namespace {

constexpr std::size_t kControllerOptionsSize = offsetof(triage_controller_options, room) + sizeof(double);
constexpr std::size_t kStateSize = offsetof(triage_state, most_sent_on) + sizeof(double);
constexpr std::size_t kDecisionSize = offsetof(triage_decision, changed) + sizeof(std::int32_t);
constexpr std::size_t kAuditOptionsSize = offsetof(triage_audit_options, images_between_false_alarms) + sizeof(double);
constexpr std::size_t kSummarySize = offsetof(triage_audit_summary, threshold_count) + sizeof(std::size_t);

std::optional<double> limit(double value) { return value == 0 ? std::nullopt : std::optional(value); }
std::optional<double> known(double value) { return value <= TRIAGE_UNKNOWN ? std::nullopt : std::optional(value); }

ControllerOptions options_of(const triage_controller_options& given) {
  return {.least_accuracy = given.least_accuracy,
          .most_latency_us = limit(given.most_latency_us),
          .target_us = limit(given.target_us),
          .percentile = given.percentile,
          .most_watts = limit(given.most_watts),
          .most_celsius = limit(given.most_celsius),
          .battery_until_s = limit(given.battery_until_s),
          .parallel = given.parallel,
          .safety = given.safety,
          .most_utilization = given.most_utilization,
          .hold_s = limit(given.hold_s),
          .room = given.room};
}

std::size_t checked_exit(std::int32_t exit, std::size_t exits) {
  if (exit < 0 || static_cast<std::size_t>(exit) >= exits)
    engine::fail_with(ErrorCode::bad_input, "exit: found {}, expected 0 to {}", exit, exits - 1);
  return static_cast<std::size_t>(exit);
}

}  // namespace
}  // namespace triage::c

using namespace triage::c;  // NOLINT(google-build-using-namespace): this file is the border between the two

triage_code triage_controller_make(const char* plan_directory, const triage_controller_options* options,
                                   triage_controller** controller, triage_error* error) {
  if (controller) *controller = nullptr;
  return guarded(error, [&]() -> triage::Status {
    require(plan_directory, "plan_directory");
    require(static_cast<const void*>(controller), "controller");
    const triage_controller_options defaults TRIAGE_CONTROLLER_OPTIONS_INIT;
    const auto wanted = read_sized(options ? options : &defaults, defaults, kControllerOptionsSize, "options");
    triage::PlanCurve curve = triage::engine::take(triage::load_curve(plan_directory));
    *controller =
        new triage_controller{triage::engine::take(triage::Controller::make(std::move(curve), options_of(wanted)))};
    return triage::Ok{};
  });
}

void triage_controller_free(triage_controller* controller) { delete controller; }

triage_code triage_controller_arrived(triage_controller* controller, double seconds, size_t images,
                                      triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(controller, "controller");
    controller->controller.arrived(seconds, images);
    return triage::Ok{};
  });
}

triage_code triage_controller_served(triage_controller* controller, int32_t exit, double microseconds,
                                     triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(controller, "controller");
    const std::vector<double>& path_us = controller->controller.curve().path_us;
    controller->controller.served(path_us[checked_exit(exit, path_us.size())], microseconds);
    return triage::Ok{};
  });
}

triage_code triage_controller_decide(triage_controller* controller, const triage_state* state,
                                     triage_decision* decision, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(controller, "controller");
    const triage_state now = read_sized(state, triage_state TRIAGE_STATE_INIT, kStateSize, "state");
    check_size(decision, kDecisionSize, "decision");
    const triage::ControllerDecision own = controller->controller.decide({.seconds = now.seconds,
                                                                          .waiting = known(now.waiting),
                                                                          .oldest_wait_us = known(now.oldest_wait_us),
                                                                          .arrivals_per_s = known(now.arrivals_per_s),
                                                                          .watts = known(now.watts),
                                                                          .celsius = known(now.celsius),
                                                                          .battery = known(now.battery),
                                                                          .most_sent_on = known(now.most_sent_on)});
    write_sized(*decision, triage_decision{.point = own.index,
                                           .thresholds = own.point->thresholds.data(),
                                           .threshold_count = own.point->thresholds.size(),
                                           .accuracy = own.point->accuracy,
                                           .mean_latency_us = own.point->mean_latency_us,
                                           .changed = own.changed ? 1 : 0});
    return triage::Ok{};
  });
}

triage_code triage_audit_make(const char* plan_directory, const triage_audit_options* options, triage_audit** audit,
                              triage_error* error) {
  if (audit) *audit = nullptr;
  return guarded(error, [&]() -> triage::Status {
    require(plan_directory, "plan_directory");
    require(static_cast<const void*>(audit), "audit");
    const triage_audit_options defaults TRIAGE_AUDIT_OPTIONS_INIT;
    const auto wanted = read_sized(options ? options : &defaults, defaults, kAuditOptionsSize, "options");
    const triage::PlanCurve curve = triage::engine::take(triage::load_curve(plan_directory));
    triage::Audit made = triage::engine::take(
        triage::Audit::make(curve, {.share = wanted.share,
                                    .seed = wanted.seed,
                                    .window = wanted.window,
                                    .images_between_false_alarms = wanted.images_between_false_alarms}));
    *audit = new triage_audit{curve, std::move(made)};
    return triage::Ok{};
  });
}

void triage_audit_free(triage_audit* audit) { delete audit; }

triage_code triage_audit_in_force(triage_audit* audit, size_t point, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    const triage::PlanCurve& curve = audit->curve;
    if (point != TRIAGE_OWN_POINT && point >= curve.points.size()) {
      triage::engine::fail_with(triage::ErrorCode::bad_input, "point: found {}, expected 0 to {}, or TRIAGE_OWN_POINT",
                                point, curve.points.size() - 1);
    }
    audit->audit.in_force(point == TRIAGE_OWN_POINT ? curve.plan : curve.points[point]);
    return triage::Ok{};
  });
}

triage_code triage_audit_wanted(triage_audit* audit, int32_t* wanted, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    require(wanted, "wanted");
    *wanted = audit->audit.wanted() ? 1 : 0;
    return triage::Ok{};
  });
}

triage_code triage_audit_passed(triage_audit* audit, const float* scores, size_t count, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    require(scores, "scores");
    audit->audit.passed(std::span(scores, count));
    return triage::Ok{};
  });
}

triage_code triage_audit_sampled(triage_audit* audit, const float* scores, size_t count, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    require(scores, "scores");
    require_count("count", count, audit->curve.scores.size(), ", one score per exit but the last");
    audit->audit.sampled(std::span(scores, count));
    return triage::Ok{};
  });
}

triage_code triage_audit_compared(triage_audit* audit, int32_t exit, int32_t agrees, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    audit->audit.compared(checked_exit(exit, audit->curve.scores.size()), agrees != 0);
    return triage::Ok{};
  });
}

triage_code triage_audit_get_summary(const triage_audit* audit, triage_audit_summary* summary, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(audit, "audit");
    const triage_audit_summary given =
        read_sized(summary, triage_audit_summary TRIAGE_AUDIT_SUMMARY_INIT, kSummarySize, "summary");
    const triage::AuditSummary own = audit->audit.summary();
    require_count("summary: threshold_count", given.threshold_count, given.thresholds ? own.thresholds.size() : 0,
                  given.thresholds ? ", one per exit but the last" : " where thresholds is NULL");
    if (given.thresholds) std::ranges::copy(own.thresholds, given.thresholds);
    write_sized(*summary, triage_audit_summary{.images = own.images,
                                               .audited = own.audited,
                                               .agreement = own.agreement,
                                               .agreement_low = own.agreement_low,
                                               .agreement_high = own.agreement_high,
                                               .promised_agreement = own.promised_agreement,
                                               .score_distance = own.score_distance,
                                               .score_limit = own.score_limit,
                                               .score_exit = own.score_exit,
                                               .agreement_alarms = own.agreement_alarms,
                                               .score_alarms = own.score_alarms,
                                               .thresholds = given.thresholds,
                                               .threshold_count = given.threshold_count});
    return triage::Ok{};
  });
}
