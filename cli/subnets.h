// A trained supernet and what is needed to cut and score its subnets. The actions of `triage subnets`.
#pragma once

#include "cli/pipeline.h"
#include "core/json.h"
#include "search/logit_store.h"
#include "train/network_file.h"
#include "train/subnets.h"

namespace triage::cli {

// A run directory, or one of the zoo: config.toml and supernet.pt. Throws Error when they do not belong together or to
// the data.
struct OpenSupernet {
  explicit OpenSupernet(const fs::path& directory);

  Workspace workspace;
  fs::path file;  // supernet.pt
  train::NetworkFile trained;

  const plan::SearchSpace& space() const { return trained.network->space(); }
  const std::vector<std::uint32_t>& split(const std::string& name) const;  // throws UsageError
  train::SubnetCutter cutter(const train::RecalibrationOptions& options = {}) const;
};

// "ARCH" or "largest" or "smallest"; throws Error when it is not in the space.
plan::ArchSpec subnet_of(const plan::SearchSpace& space, const std::string& text);

int subnets_eval(int argc, char** argv);

}  // namespace triage::cli
