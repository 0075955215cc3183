#include "exporting/int8/int8_config.h"

namespace triage::exporting {

Json to_json(const Int8Options& options) {
  return {{"range", options.range ? to_string(*options.range) : "best"},
          {"percentile", options.percentile},
          {"bias_correction", options.bias_correction},
          {"fp32", options.fp32}};
}

void read_int8_options(ConfigSection section, Int8Options& options, int& images) {
  std::string range = "best";
  section.read("range", range);
  options.range.reset();
  for (const auto method : {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::entropy}) {
    if (range == to_string(method)) options.range = method;
  }
  if (!options.range && range != "best") section.fail_at("range", "best, minmax, percentile or entropy");
  section.read("percentile", options.percentile, 50, 100);
  section.read("bias_correction", options.bias_correction);
  section.read("images", images, 1, 1'000'000);
  section.finish();
}

}  // namespace triage::exporting
