// Job: a measurement that can be sent to a device, run there in parts, and taken up where it was when the device went
// away in the middle.
#pragma once

#include <functional>

#include "cost_tables/cost_table.h"
#include "measure/device_state.h"
#include "measure/stages/stages.h"

namespace triage::measure {

inline constexpr int kJobProtocol = 3;  // between this program and the measuring program on a device

struct Job {
  ProfileOptions profile;
  std::string energy;         // source there, as for find_energy() but no meter's file; empty: not wanted
  int interleaved = 16;       // rows of a part: timed in turns, and lost when the device goes away
  int nice = 0;               // of the measuring process, as for nice(1)
  double wait_seconds = 600;  // for another measurement on the device to end
  StateLimits limits;
};
Json to_json(const Job& job);
Job job_from_json(const Json& json, const std::string& origin);  // absent: the default; unknown: an error

// What two measurements of the same stages must have in common to be parts of one: all but which rows are asked for.
Json job_identity(const Job& job);

struct JobProgress {
  std::size_t rows_done = 0, rows = 0;
  std::size_t round = 0;  // of the rows that are timed now
  bool waiting = false;   // another measurement runs on this device
};

// directory: a plan, or stages with their stages.json (stage_list.h). images_file: stages/images.h. Rows of the same
// threads and batch are timed in turns (or one by one, where the job says so), up to Job::interleaved in a part; the
// device's state is read before and after it; rows that were timed while it changed too much (Job::limits) are marked
// as not stable.
//
// state_file: what was measured, row by row; what is in it already is not measured again. Empty: nothing is kept. While
// one job with a state file runs, others whose state files lie in the same directory wait. Throws Error when the file
// belongs to other stages, images or options, or to a machine that changed since; Interrupted.
cost::CostTable run_job(const fs::path& directory, const fs::path& images_file, const Job& job,
                        const fs::path& state_file, const std::function<void(const JobProgress&)>& progress = {});

}  // namespace triage::measure
