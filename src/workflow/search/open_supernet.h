// A trained supernet and what is needed to cut and score its subnets.
#pragma once

#include "core/json.h"
#include "search/store/logit_store.h"
#include "train/files/network_file.h"
#include "train/subnets.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

// A run directory, or one of the zoo: config.toml and supernet.pt. Throws Error when they do not belong together or to
// the data.
struct OpenSupernet {
  // precision: of the network's activations; without: as in config.toml.
  OpenSupernet(const fs::path& directory, const Context& context, std::optional<train::ComputeType> precision = {});

  Workspace workspace;
  fs::path directory, file;  // file: supernet.pt
  train::NetworkFile trained;

  const plan::SearchSpace& space() const { return trained.network->space(); }
  const std::vector<std::uint32_t>& split(const std::string& name) const;  // throws UsageError
  train::SubnetCutter cutter(const train::RecalibrationOptions& options = {}) const;
};

// Its weights, data and splits, as a search's identity names them.
Json identity_of(const OpenSupernet& supernet);

std::vector<Label> labels_of(const data::Dataset& dataset, const std::vector<std::uint32_t>& indices);

// The answers of this supernet's subnets on a split; file: where empty DIR/subnets_SPLIT.sqlite, in int8
// DIR/subnets_SPLIT_int8.sqlite.
search::LogitStore open_store(const OpenSupernet& supernet, const std::string& split,
                              const train::RecalibrationOptions& recalibration = {}, const fs::path& file = {},
                              plan::Precision precision = plan::Precision::fp32);

}  // namespace triage::workflow
