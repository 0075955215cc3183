// How stages are put into int8, as a configuration says it.
#pragma once

#include "core/config.h"
#include "exporting/int8/quantize.h"

namespace triage::exporting {

// All keys of the section, read over what is there; "range" is the best of all where it is absent. images: of the route
// split, that ranges are found with.
void read_int8_options(ConfigSection section, Int8Options& options, int& images);

}  // namespace triage::exporting
