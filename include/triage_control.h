/* For C: a plan that follows its load (triage_controller) and an audit of its traffic (triage_audit), from the measured
 * curve that lies beside the plan (curve.json). docs/adapting.md says how they decide and what that promises; triage.h
 * what holds for every call here: errors, struct sizes, threads, pointers. Neither reads a clock or starts a thread,
 * and a controller allocates nothing once it is made. */
#ifndef TRIAGE_CONTROL_H_
#define TRIAGE_CONTROL_H_

#include <triage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRIAGE_UNKNOWN (-1e300)       /* a number of triage_state that is not known: it sets no limit */
#define TRIAGE_OWN_POINT ((size_t)-1) /* the point at the plan's own thresholds, which is none of the curve's */

typedef struct triage_controller_options { /* a limit of 0 is not looked at */
  size_t struct_size;
  double least_accuracy;  /* of the points that may be taken, 0 to 1 */
  double most_latency_us; /* mean latency of those points */
  double target_us;       /* requests are answered within this, waiting included */
  double percentile;      /* of the requests that are to be, from 50 to below 100 */
  double most_watts, most_celsius;
  double battery_until_s;  /* on the clock of triage_state.seconds */
  double parallel;         /* images that are worked on at the same time */
  double safety;           /* share of target_us that the queue as it stands may use up */
  double most_utilization; /* share of the time in which there is work */
  double hold_s;           /* before it goes up; 0: by target_us */
  double room;             /* share of each limit that is left where it goes up */
} triage_controller_options;
#define TRIAGE_CONTROLLER_OPTIONS_INIT {sizeof(triage_controller_options), 0, 0, 0, 99, 0, 0, 0, 1, 0.9, 0.9, 0, 0.05}

typedef struct triage_state {
  size_t struct_size;
  double seconds;        /* now, on a clock that does not go back */
  double waiting;        /* images that were taken in and not answered, those in work included */
  double oldest_wait_us; /* how long the first of the queue waits already */
  double arrivals_per_s; /* where triage_controller_arrived is not told of them */
  double watts, celsius;
  double battery;      /* what is left, 0 to 1 */
  double most_sent_on; /* share of the images that may leave the first exit for the next */
} triage_state;
#define TRIAGE_STATE_INIT                \
  {sizeof(triage_state), 0,              \
   TRIAGE_UNKNOWN,       TRIAGE_UNKNOWN, \
   TRIAGE_UNKNOWN,       TRIAGE_UNKNOWN, \
   TRIAGE_UNKNOWN,       TRIAGE_UNKNOWN, \
   TRIAGE_UNKNOWN}

typedef struct triage_decision {
  size_t struct_size;
  size_t point;             /* of the curve, for triage_audit_in_force */
  const double* thresholds; /* [threshold_count]: for triage_set_thresholds; lives as long as the controller */
  size_t threshold_count;
  double accuracy, mean_latency_us; /* as the curve promises them */
  int32_t changed;                  /* 1: another point than that of the decision before */
} triage_decision;
#define TRIAGE_DECISION_INIT {sizeof(triage_decision), 0, NULL, 0, 0, 0, 0}

typedef struct triage_controller triage_controller;

/* options: NULL for no limit at all. *controller is NULL after an error: no curve.json, no point between the bounds. */
TRIAGE_API triage_code triage_controller_make(const char* plan_directory, const triage_controller_options* options,
                                              triage_controller** controller, triage_error* error);
TRIAGE_API void triage_controller_free(triage_controller* controller); /* NULL: nothing */
TRIAGE_API triage_code triage_controller_arrived(triage_controller* controller, double seconds, size_t images,
                                                 triage_error* error);
/* An image was answered: triage_outcome's exit and microseconds. */
TRIAGE_API triage_code triage_controller_served(triage_controller* controller, int32_t exit, double microseconds,
                                                triage_error* error);
TRIAGE_API triage_code triage_controller_decide(triage_controller* controller, const triage_state* state,
                                                triage_decision* decision, triage_error* error);

typedef struct triage_audit_options {
  size_t struct_size;
  double share;  /* of the images that run to the end wherever they leave */
  uint64_t seed; /* of which ones */
  size_t window; /* images between two looks at the scores */
  double images_between_false_alarms;
} triage_audit_options;
#define TRIAGE_AUDIT_OPTIONS_INIT {sizeof(triage_audit_options), 0.01, 1, 2000, 1e8}

typedef struct triage_audit_summary {
  size_t struct_size;
  uint64_t images, audited;
  double agreement, agreement_low, agreement_high, promised_agreement; /* of the last thousand, Wilson, 95 % */
  double score_distance, score_limit; /* of the exit where the one is largest against the other, score_exit */
  size_t score_exit;
  uint64_t agreement_alarms, score_alarms; /* so far */
  double* thresholds;                      /* the caller's, [threshold_count]: solved again; NULL: not wanted */
  size_t threshold_count;                  /* the number of stages less 1 where thresholds is wanted, else 0 */
} triage_audit_summary;
#define TRIAGE_AUDIT_SUMMARY_INIT {sizeof(triage_audit_summary), 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, NULL, 0}

typedef struct triage_audit triage_audit;

TRIAGE_API triage_code triage_audit_make(const char* plan_directory, const triage_audit_options* options,
                                         triage_audit** audit, triage_error* error);
TRIAGE_API void triage_audit_free(triage_audit* audit); /* NULL: nothing */
/* point: of triage_decision, or TRIAGE_OWN_POINT, which is in force at first. */
TRIAGE_API triage_code triage_audit_in_force(triage_audit* audit, size_t point, triage_error* error);
/* *wanted: 1 where the next image shall run to the end wherever it leaves. */
TRIAGE_API triage_code triage_audit_wanted(triage_audit* audit, int32_t* wanted, triage_error* error);
/* scores [count]: of the exits that an image passed or left at (triage_outputs.scores up to its exit). */
TRIAGE_API triage_code triage_audit_passed(triage_audit* audit, const float* scores, size_t count, triage_error* error);
/* An image that was wanted ran to the end: its scores at all exits but the last; and where it had left before the last
 * stage, whether that says the same. */
TRIAGE_API triage_code triage_audit_sampled(triage_audit* audit, const float* scores, size_t count,
                                            triage_error* error);
TRIAGE_API triage_code triage_audit_compared(triage_audit* audit, int32_t exit, int32_t agrees, triage_error* error);
TRIAGE_API triage_code triage_audit_get_summary(const triage_audit* audit, triage_audit_summary* summary,
                                                triage_error* error);

#ifdef __cplusplus
}
#endif

#endif /* TRIAGE_CONTROL_H_ */
