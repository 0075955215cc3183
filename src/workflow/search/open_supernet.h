// A trained supernet of any family and what is needed to cut and score its subnets.
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
  train::AnyNetworkFile trained;

  family::AnySpace space() const { return trained.network->any_space(); }
  std::string family() const { return space()->largest().family; }
  std::vector<int> exits() const;  // sections behind which its subnets answer, the last one at the end
  family::NetSize size(const family::ArchSpec& subnet) const;  // on these images
  std::string activations() const { return trained.network->bf16() ? "bf16" : "fp32"; }
  const std::vector<std::uint32_t>& split(const std::string& name) const;  // throws UsageError
  train::SubnetCutter cutter(const train::RecalibrationOptions& options = {}) const;
};

// Its weights, data and splits, as a search's identity names them.
Json identity_of(const OpenSupernet& supernet);

std::vector<Label> labels_of(const data::Dataset& dataset, const std::vector<std::uint32_t>& indices);

std::string text_of(const train::RecalibrationOptions& recalibration);  // "2048 images, seed 1"

// Which answers of subnets are meant.
struct AnswersOf {
  std::string split;
  train::RecalibrationOptions recalibration = {};
  plan::Precision precision = plan::Precision::fp32;
};

// Where they are kept. location: a file, or a server, where they are called `name`; where empty
// DIR/subnets_SPLIT.sqlite, in int8 DIR/subnets_SPLIT_int8.sqlite.
struct AnswersAt {
  std::string location = {}, name = {};
};

search::LogitStore open_store(const OpenSupernet& supernet, const AnswersOf& answers, const AnswersAt& at = {});

// What processes that score together at this location must agree on: weights, data, splits, way to recalibrate. Between
// machines also what one installation cannot have different: type of the activations, int8 options, the program's
// version.
Json scoring_identity(const OpenSupernet& supernet, const AnswersOf& answers, const std::string& location);

}  // namespace triage::workflow
