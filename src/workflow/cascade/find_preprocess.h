// Finding what a net wants of pixels: the usual conventions, tried on labelled images.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "workflow/cascade/imported_net.h"

namespace triage::workflow {

// What most nets with such an input want: ImageNet's mean and stddev, the middle of the image.
preprocess::Preprocess usual_preprocess(const importing::NetInput& input);

// The trials, the chosen one first, then by accuracy. Of those that are not beyond doubt worse than the best (McNemar's
// test on the same images) the most usual one is chosen, and `notes` says so. session: the adapted net.
std::vector<PreprocessTrial> find_preprocess(const importing::OnnxNet& net, const engine::Session& session,
                                             const data::Dataset& dataset, std::span<const std::uint32_t> images,
                                             const Context& context, std::vector<std::string>& notes);

}  // namespace triage::workflow
