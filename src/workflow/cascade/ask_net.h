// A net that is being imported, asked about images.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "engine/session.h"
#include "importing/onnx_net.h"
#include "preprocess/preprocess.h"

namespace triage::workflow {

// A model of importing/adapt.h, opened as the runtime opens stages. origin: what messages call it.
std::unique_ptr<engine::Session> open_adapted(const onnx::ModelProto& model, const std::string& origin);

// Its answers, [images.size(), classes of the session].
std::vector<float> ask_net(const engine::Session& session, const preprocess::Preprocess& preprocess,
                           const data::Dataset& dataset, std::span<const std::uint32_t> images);

// The same of `count` images that image(i) shows.
std::vector<float> ask_net(const engine::Session& session, const preprocess::Preprocess& preprocess, std::size_t count,
                           const std::function<ImageView(std::size_t i)>& image);

// Which value of each answer is the largest, the first one of equals.
std::vector<int> likeliest(std::span<const float> answers, std::size_t width);

// The share of images whose likeliest class is their label; answers: [labels.size(), classes].
double share_right(std::span<const float> answers, std::span<const Label> labels);

}  // namespace triage::workflow
