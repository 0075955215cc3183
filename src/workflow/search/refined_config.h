// The configuration of a run that trains the nets of a search's plan on, together.
#pragma once

#include <string>

#include "search/evolve/front.h"
#include "workflow/config/run_config.h"
#include "workflow/config/search_config.h"

namespace triage::workflow {

struct RefineRequest {
  std::string name;    // of the configuration
  BuildTarget target;  // asked of the front, and then of the refined plan
  int epochs = 24;     // of every net
  double rate = 0.4;   // highest learning rate
};

struct RefinedSupernet {  // what the nets were cut from
  const RunConfig& config;
  plan::SearchSpace space;
  plan::InputShape input;
  int classes = 0;
};

std::string net_name(std::size_t leg);  // "net1", "net2", ...: of a front's plan and its files

// TOML that load_run_config() reads. The last net learns from the labels where it is about as large as the supernet's
// largest, else from that; the nets before it learn from it.
std::string refined_config(const RefineRequest& request, const search::FrontPoint& point, const SearchConfig& search,
                           const RefinedSupernet& supernet);

}  // namespace triage::workflow
