// Where programs keep what was dear to find and can be found again, for one user.
#pragma once

#include "core/files/file.h"

namespace triage {

// $XDG_CACHE_HOME/triage, else $HOME/.cache/triage (XDG Base Directory Specification); empty where neither is an
// absolute path. Nothing is made.
fs::path user_cache_directory();

}  // namespace triage
