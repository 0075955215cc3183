// How the steps of a training are divided among processes: the table [parallel] of a configuration.
#pragma once

#include "core/config.h"

namespace triage::train {

struct ParallelOptions {
  // Parts of a batch that are computed apart, each with batch statistics of its own unless they are synchronised; their
  // gradients are added in this order. The same shares give the same bits, on however many processes they are computed.
  // 0: as many as there are processes.
  int shares = 0;
  bool synchronised = false;  // batch statistics of all processes' images; on the CPU alone, one share a process
  double join_seconds = 120;  // until all processes must be there
};

void read_parallel_options(ConfigSection section, ParallelOptions& options);

}  // namespace triage::train
