// Nets trained alone, to be held against a supernet's subnets: asked from the weights of a run, or read from a record
// of what such nets answered, which outlives the run (results/supernet_alone.json; docs/formats.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "workflow/search/open_supernet.h"
#include "workflow/study/subnet_gaps.h"

namespace triage::workflow {

struct LabelledSplit {
  LabelledSplit(const OpenSupernet& supernet, const std::string& name);
  Right ask(supernet::AnyNetworkImpl& network) const;

  std::vector<Label> labels;
  train::SeenImages images;
};

struct AloneNet {
  family::ArchSpec arch;
  std::string origin;  // the file it comes from
  Json identity;       // of its training (train::identity_of)
  Right test;
  double validation = 0;  // accuracy
};

// source: a run directory, or a record. Nets that can't be compared, for another recipe or a space that they are not
// in, are named in a message and left out. Throws Error for nets trained on other images than the supernet.
std::vector<AloneNet> alone_nets(const OpenSupernet& supernet, const LabelledSplit& test,
                                 const LabelledSplit& validation, const fs::path& source);

void write_record(const fs::path& file, std::span<const AloneNet> nets);

}  // namespace triage::workflow
