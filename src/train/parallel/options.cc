#include "train/parallel/options.h"

namespace triage::train {

void read_parallel_options(ConfigSection section, ParallelOptions& options) {
  section.read("shares", options.shares, 0, 65536);
  std::string statistics = options.synchronised ? "synchronised" : "local";
  section.read("statistics", statistics);
  if (statistics != "local" && statistics != "synchronised") section.fail_at("statistics", "local or synchronised");
  options.synchronised = statistics == "synchronised";
  if (options.synchronised && options.shares > 0) section.fail_at("shares", "0 with synchronised statistics");
  section.read("join_seconds", options.join_seconds, 1, 86400);
  section.finish();
}

}  // namespace triage::train
