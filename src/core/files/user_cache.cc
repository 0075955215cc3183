#include "core/files/user_cache.h"

#include <cstdlib>

namespace triage {

fs::path user_cache_directory() {
  const auto absolute = [](const char* name) {
    const char* const value = std::getenv(name);
    const fs::path path = value == nullptr ? fs::path() : fs::path(value);
    return path.is_absolute() ? path : fs::path();
  };
  if (const fs::path cache = absolute("XDG_CACHE_HOME"); !cache.empty()) return cache / "triage";
  const fs::path home = absolute("HOME");
  return home.empty() ? home : home / ".cache" / "triage";
}

}  // namespace triage
