// How long a training will take, from a few of its steps.
#pragma once

#include "train/trainer.h"

namespace triage::train {

struct TrainEstimate {
  double images_per_second = 0;  // of its steps, without a teacher's answers
  double seconds = 0;            // of all of it, with them and with the validations
};

// Takes at least 3 steps and `seconds` of them on fresh weights, and writes nothing. job.teacher: its weights do not
// matter; ask_teacher is not asked. A rough figure: later steps may meet another load of the machine, and the cuts that
// a supernet is validated by are not counted.
TrainEstimate estimate_training(const TrainJob& job, double seconds);

}  // namespace triage::train
