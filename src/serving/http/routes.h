// Inside serving/http: what a method and a path ask for.
#pragma once

#include <string>
#include <string_view>

namespace triage::serving {

enum class Route {
  page,
  metrics,
  server,
  live,
  ready,
  model,
  model_ready,
  model_plan,
  model_stats,
  all_stats,
  infer,
  thresholds,
  repository_index,
  repository_load,
  repository_unload,
  none,          // 404
  wrong_method,  // 405
};

struct Target {
  Route route = Route::none;
  std::string model, version;  // version empty: the newest
  std::string_view allowed;    // of wrong_method: the method that is
};

Target find_route(std::string_view method, std::string_view path);

}  // namespace triage::serving
