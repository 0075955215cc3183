// From a LibTorch network of any family to a graph.
#pragma once

#include "family/lower.h"
#include "supernet/modules/elastic_network.h"

namespace triage::exporting {

// The largest subnet as it is in evaluation mode, batch norm folded in; extract() another one first. The numbers are
// copied. Throws Error where they are not finite or the options do not fit.
family::Lowered lower_network(const supernet::ElasticNetworkImpl& network, const family::LowerOptions& options = {});

}  // namespace triage::exporting
