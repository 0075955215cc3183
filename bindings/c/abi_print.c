/* What a caller was compiled against: sizes, offsets and values of triage.h and triage_control.h. The test holds them
 * to abi.txt. */
#include <stdio.h>

#include "triage.h"
#include "triage_control.h"

#define STRUCT(type) printf("struct %s: %lu\n", #type, (unsigned long)sizeof(type))
#define FIELD(type, field) \
  printf("  %s: %lu at %lu\n", #field, (unsigned long)sizeof(((type*)0)->field), (unsigned long)offsetof(type, field))
#define VALUE(name) printf("%s = %d\n", #name, (int)name)

int main(void) {
  STRUCT(triage_error);
  FIELD(triage_error, struct_size);
  FIELD(triage_error, code);
  FIELD(triage_error, message_length);
  FIELD(triage_error, message);
  STRUCT(triage_options);
  FIELD(triage_options, struct_size);
  FIELD(triage_options, engine);
  FIELD(triage_options, thresholds);
  FIELD(triage_options, threshold_count);
  FIELD(triage_options, max_megapixels);
  FIELD(triage_options, threads);
  FIELD(triage_options, allow_spinning);
  STRUCT(triage_info);
  FIELD(triage_info, struct_size);
  FIELD(triage_info, name);
  FIELD(triage_info, policy);
  FIELD(triage_info, engine);
  FIELD(triage_info, engine_note);
  FIELD(triage_info, threads_note);
  FIELD(triage_info, fit);
  FIELD(triage_info, class_names);
  FIELD(triage_info, stage_names);
  FIELD(triage_info, stage_engines);
  FIELD(triage_info, stage_threads);
  FIELD(triage_info, classes);
  FIELD(triage_info, stages);
  FIELD(triage_info, height);
  FIELD(triage_info, width);
  FIELD(triage_info, channels);
  FIELD(triage_info, decodes);
  STRUCT(triage_image);
  FIELD(triage_image, pixels);
  FIELD(triage_image, height);
  FIELD(triage_image, width);
  FIELD(triage_image, channels);
  STRUCT(triage_encoded_image);
  FIELD(triage_encoded_image, bytes);
  FIELD(triage_encoded_image, size);
  STRUCT(triage_outcome);
  FIELD(triage_outcome, label);
  FIELD(triage_outcome, probability);
  FIELD(triage_outcome, exit);
  FIELD(triage_outcome, score);
  FIELD(triage_outcome, microseconds);
  STRUCT(triage_class_probability);
  FIELD(triage_class_probability, label);
  FIELD(triage_class_probability, probability);
  STRUCT(triage_outputs);
  FIELD(triage_outputs, struct_size);
  FIELD(triage_outputs, outcomes);
  FIELD(triage_outputs, logits);
  FIELD(triage_outputs, probabilities);
  FIELD(triage_outputs, top);
  FIELD(triage_outputs, top_count);
  FIELD(triage_outputs, scores);
  STRUCT(triage_statistics);
  FIELD(triage_statistics, struct_size);
  FIELD(triage_statistics, calls);
  FIELD(triage_statistics, errors);
  FIELD(triage_statistics, images);
  FIELD(triage_statistics, sent_on);
  FIELD(triage_statistics, microseconds);
  FIELD(triage_statistics, exits);
  FIELD(triage_statistics, exit_count);
  STRUCT(triage_controller_options);
  FIELD(triage_controller_options, struct_size);
  FIELD(triage_controller_options, least_accuracy);
  FIELD(triage_controller_options, most_latency_us);
  FIELD(triage_controller_options, target_us);
  FIELD(triage_controller_options, percentile);
  FIELD(triage_controller_options, most_watts);
  FIELD(triage_controller_options, most_celsius);
  FIELD(triage_controller_options, battery_until_s);
  FIELD(triage_controller_options, parallel);
  FIELD(triage_controller_options, safety);
  FIELD(triage_controller_options, most_utilization);
  FIELD(triage_controller_options, hold_s);
  FIELD(triage_controller_options, room);
  STRUCT(triage_state);
  FIELD(triage_state, struct_size);
  FIELD(triage_state, seconds);
  FIELD(triage_state, waiting);
  FIELD(triage_state, oldest_wait_us);
  FIELD(triage_state, arrivals_per_s);
  FIELD(triage_state, watts);
  FIELD(triage_state, celsius);
  FIELD(triage_state, battery);
  FIELD(triage_state, most_sent_on);
  STRUCT(triage_decision);
  FIELD(triage_decision, struct_size);
  FIELD(triage_decision, point);
  FIELD(triage_decision, thresholds);
  FIELD(triage_decision, threshold_count);
  FIELD(triage_decision, accuracy);
  FIELD(triage_decision, mean_latency_us);
  FIELD(triage_decision, changed);
  STRUCT(triage_audit_options);
  FIELD(triage_audit_options, struct_size);
  FIELD(triage_audit_options, share);
  FIELD(triage_audit_options, seed);
  FIELD(triage_audit_options, window);
  FIELD(triage_audit_options, images_between_false_alarms);
  STRUCT(triage_audit_summary);
  FIELD(triage_audit_summary, struct_size);
  FIELD(triage_audit_summary, images);
  FIELD(triage_audit_summary, audited);
  FIELD(triage_audit_summary, agreement);
  FIELD(triage_audit_summary, agreement_low);
  FIELD(triage_audit_summary, agreement_high);
  FIELD(triage_audit_summary, promised_agreement);
  FIELD(triage_audit_summary, score_distance);
  FIELD(triage_audit_summary, score_limit);
  FIELD(triage_audit_summary, score_exit);
  FIELD(triage_audit_summary, agreement_alarms);
  FIELD(triage_audit_summary, score_alarms);
  FIELD(triage_audit_summary, thresholds);
  FIELD(triage_audit_summary, threshold_count);
  VALUE(TRIAGE_ABI_VERSION);
  VALUE(TRIAGE_OK);
  VALUE(TRIAGE_NOT_FOUND);
  VALUE(TRIAGE_DAMAGED);
  VALUE(TRIAGE_UNSUPPORTED);
  VALUE(TRIAGE_BAD_INPUT);
  VALUE(TRIAGE_ENGINE_FAILURE);
  VALUE(TRIAGE_OUT_OF_MEMORY);
  VALUE(TRIAGE_UNREADABLE);
  return 0;
}
