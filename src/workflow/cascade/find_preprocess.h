// Finding what a net wants of pixels: the usual conventions, tried on labelled images.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/session.h"
#include "preprocess/conventions.h"
#include "workflow/cascade/imported_net.h"

namespace triage::workflow {

preprocess::NetworkInput input_shape(const importing::NetInput& input);

// The trials (preprocess/conventions.h), the chosen one first, then by accuracy. What the images cannot tell from it is
// said in `notes`. session: the adapted net. Throws Interrupted.
std::vector<PreprocessTrial> find_preprocess(const importing::OnnxNet& net, const engine::Session& session,
                                             const data::Dataset& dataset, std::span<const std::uint32_t> images,
                                             const Context& context, std::vector<std::string>& notes);

}  // namespace triage::workflow
