#include "serving/http/routes.h"

namespace triage::serving {
namespace {

struct Row {
  std::string_view pattern;  // M: a name, V: a version
  Route route;
  bool post = false;
};

constexpr Row kRoutes[] = {
    {"", Route::page},
    {"metrics", Route::metrics},
    {"v2", Route::server},
    {"v2/health/live", Route::live},
    {"v2/health/ready", Route::ready},
    {"v2/models/stats", Route::all_stats},
    {"v2/models/M", Route::model},
    {"v2/models/M/versions/V", Route::model},
    {"v2/models/M/ready", Route::model_ready},
    {"v2/models/M/versions/V/ready", Route::model_ready},
    {"v2/models/M/stats", Route::model_stats},
    {"v2/models/M/versions/V/stats", Route::model_stats},
    {"v2/models/M/plan", Route::model_plan},
    {"v2/models/M/versions/V/plan", Route::model_plan},
    {"v2/models/M/infer", Route::infer, true},
    {"v2/models/M/versions/V/infer", Route::infer, true},
    {"v2/models/M/thresholds", Route::thresholds, true},
    {"v2/models/M/versions/V/thresholds", Route::thresholds, true},
    {"v2/repository/index", Route::repository_index, true},
    {"v2/repository/models/M/load", Route::repository_load, true},
    {"v2/repository/models/M/unload", Route::repository_unload, true},
};

// The next piece of a path, which it loses.
std::string_view next_piece(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view piece = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return piece;
}

bool fits(std::string_view pattern, std::string_view path, Target& target) {
  while (!pattern.empty() || !path.empty()) {
    if (pattern.empty() || path.empty()) return false;
    const std::string_view wanted = next_piece(pattern), found = next_piece(path);
    if (wanted == "M" || wanted == "V") {
      (wanted == "M" ? target.model : target.version) = found;
    } else if (wanted != found) {
      return false;
    }
  }
  return true;
}

}  // namespace

Target find_route(std::string_view method, std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  for (const Row& row : kRoutes) {
    Target target{.route = row.route};
    if (!fits(row.pattern, path, target)) continue;
    const bool right = row.post ? method == "POST" : method == "GET" || method == "HEAD";
    if (!right) return {.route = Route::wrong_method, .allowed = row.post ? "POST" : "GET, HEAD"};
    return target;
  }
  return {};
}

}  // namespace triage::serving
