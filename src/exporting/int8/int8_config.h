// How stages are put into int8 (quantize.h), and as a configuration says it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "exporting/int8/range_histogram.h"
#include "model/int8.h"

namespace triage::exporting {

struct Int8Options {
  std::optional<RangeMethod> range;  // none: the best of all
  double percentile = 99.99;         // percent of a map's values inside its range, where that is the method
  bool bias_correction = true;
  std::vector<std::string> fp32;     // layers that stay as they are: "block0.conv0"
  std::optional<model::Grid> input;  // of a feature stage: the grid of the map that it is handed; none: measured
  int batch = 64, threads = 1;       // of the runs over the images
};
Json to_json(const Int8Options& options);  // all that the result depends on

// All keys of the section, read over what is there; "range" is the best of all where it is absent. images: of the route
// split, that ranges are found with.
void read_int8_options(ConfigSection section, Int8Options& options, int& images);

}  // namespace triage::exporting
