// The sizes of splits, as a configuration has them.
#pragma once

#include "core/config.h"
#include "data/splits.h"

namespace triage::data {

struct SplitSizes {
  std::optional<SplitSize> route, validation;  // none: by the size of the data (resolve_splits())
};

// The keys "route" and "validation": numbers of images, or shares as text or number.
SplitSizes read_split_sizes(ConfigSection& section);

}  // namespace triage::data
