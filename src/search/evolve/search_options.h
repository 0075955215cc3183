// How a search goes, as a configuration says it.
#pragma once

#include "core/config.h"
#include "search/evolve/joint_search.h"

namespace triage::search {

// A search's structures, less space and exits, and how it goes. Keys that others read are the caller's to refuse.
void read_search_options(ConfigSection& section, SearchOptions& options);

}  // namespace triage::search
