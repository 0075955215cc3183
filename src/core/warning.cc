#include "core/warning.h"

#include <mutex>
#include <set>

namespace triage {
namespace {

std::mutex g_mutex;
WarningSink g_sink = nullptr;

}  // namespace

void set_warning_sink(WarningSink sink) {
  const std::lock_guard lock(g_mutex);
  g_sink = sink;
}

void warn(const std::string& message) {
  static std::set<std::string> said;
  const std::lock_guard lock(g_mutex);
  if (g_sink != nullptr && said.insert(message).second) g_sink(message);
}

}  // namespace triage
