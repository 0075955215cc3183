// A supernet's subnets asked beside the same nets trained alone.
#pragma once

#include "workflow/study/alone.h"

namespace triage::workflow {

// The nets of all sources (alone_nets()), every net once: of two with the same architecture the one named first.
std::vector<AloneNet> collect_alone(const OpenSupernet& supernet, const LabelledSplit& test,
                                    const LabelledSplit& validation, const std::vector<std::string>& sources);

std::vector<SubnetPair> compare_alone(const OpenSupernet& supernet, const LabelledSplit& test,
                                      const LabelledSplit& validation, std::span<const AloneNet> nets);

// Points that the last exit loses by training the others beside it: of the subnets compared, in this supernet against
// one that has no other exits and is otherwise trained alike. without: that one's directory. Throws Error where it is
// another training.
Figure exits_gap(const OpenSupernet& supernet, std::span<const SubnetPair> pairs, const fs::path& without);

}  // namespace triage::workflow
