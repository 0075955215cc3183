// A visit: one stage opened, timed and closed again, as a whole or node by node by the engine's own profiler.
#pragma once

#include <functional>

#include "measure/stages/stage_runner.h"

namespace triage::measure {

// Makes the stage's session; profile goes to engine::SessionOptions::profile.
using OpenSession = std::function<std::unique_ptr<engine::Session>(const std::string& profile)>;

struct Visit {
  Measurement measured;               // under the profiler when `nodes` are there
  std::vector<cost::NodeTime> nodes;  // empty: not asked for
  double load_ms = 0;
};

struct VisitOptions {
  MeasureOptions measure;
  int batch = 1;
  bool by_node = false;  // settle_runs must be 0 then: the profiler cannot leave out single runs
};

// images and maps as for StageRunner; `origin` is the stage's name in messages. Throws Error as StageRunner, measure()
// and node_times() do.
Visit visit_stage(const OpenSession& open, const std::string& origin, StageUse use, Images images,
                  const std::vector<float>* maps, const VisitOptions& options);

}  // namespace triage::measure
