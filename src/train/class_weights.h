// Weights of the classes in the loss, for data whose classes are unequal.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <span>

#include "data/dataset.h"
#include "train/options.h"

namespace triage::train {

// balanced: N / (K n_c) for class c with n_c of the N images `indices`, K classes with images: the mean over the images
// is 1, and every class counts the same (King, Zeng 2001, "Logistic Regression in Rare Events Data"; "balanced" of
// scikit-learn). A class without images: 0. none: no tensor.
std::optional<at::Tensor> class_weights(ClassWeights kind, const data::Dataset& dataset,
                                        std::span<const std::uint32_t> indices);

}  // namespace triage::train
