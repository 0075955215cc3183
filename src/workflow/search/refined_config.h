// The configuration of a run that trains the nets of a search's plan on, together.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "search/evolve/front.h"
#include "workflow/config/run_config.h"
#include "workflow/config/search_config.h"

namespace triage::workflow {

struct RefineRequest {
  std::string name;                 // of the configuration
  BuildTarget target;               // asked of the front, and then of the refined plan
  int epochs = 24;                  // of every net
  std::optional<double> rate = {};  // highest learning rate; none: two thirds of what its family's trainings begin with
};

struct RefinedSupernet {  // what nets were cut from
  std::string directory;
  const RunConfig& config;
  family::AnySpace space;
  plan::InputShape input;
  int classes = 0;
};

struct TakenNet {                // a net that the search took as it is, whose stage is imported
  std::string net;               // fixed:NAME
  std::string onnx, preprocess;  // files, as the configuration is to name them
};

std::string net_name(std::size_t leg);  // "net1", "net2", ...: of a front's plan and its files

// TOML that load_run_config() reads. supernets: of different families, a net's own says which. The last net learns from
// the labels where it is about as large as the supernet's largest, else from that; the nets before it learn from it.
// Images are augmented as the supernet's were. taken: of the plan's nets those that are no subnets. Throws Error where
// none of its nets can be trained on.
std::string refined_config(const RefineRequest& request, const search::FrontPoint& point, const SearchConfig& search,
                           std::span<const RefinedSupernet> supernets, std::span<const TakenNet> taken = {});

}  // namespace triage::workflow
