#include "exporting/from_elastic.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::exporting {

family::Lowered lower_network(const supernet::ElasticNetworkImpl& network, const family::LowerOptions& options) {
  const auto folded = network.folded();
  const family::Weights weights = [&](const std::string& name, const model::Dims&) {
    const at::Tensor& tensor = folded.at(name);
    const float* const data = tensor.const_data_ptr<float>();
    std::vector<float> values(data, data + tensor.numel());
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
      fail("net {}: {}: expected finite numbers", options.name, name);
    return values;
  };
  return family::lower(family::blueprint(network.arch(), network.input(), network.classes()), weights, options);
}

}  // namespace triage::exporting
