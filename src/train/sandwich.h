// One step of training a space of many subnets at once, by the sandwich rule with in-place distillation (Yu, Huang
// 2019, "Universally Slimmable Networks and Improved Training Techniques"): the largest subnet learns from the labels,
// the smallest and some random ones from what the largest says about the same images. Gradients add up.
#pragma once

#include <functional>

#include "core/rng.h"
#include "supernet/network.h"
#include "train/options.h"

namespace triage::train {

// The subnets of a step, a function of (seed, step) alone: the largest first, the smallest next; or those of
// SupernetOptions::subnets. Throws Error for one outside the space.
std::vector<plan::ArchSpec> sandwich_subnets(const plan::SearchSpace& space, const SupernetOptions& options,
                                             std::uint64_t seed, std::uint64_t step);

struct SandwichLoss {
  at::Tensor logits;            // [N, classes] of the largest subnet, without gradient
  at::Tensor largest, subnets;  // its loss, exits included, and the mean loss of the others: scalars, as they are used
};

// Adds the step's gradients to the network's parameters. `loss`: what the largest subnet's logits are trained with.
SandwichLoss sandwich_step(supernet::Network& network, const at::Tensor& images,
                           const std::vector<plan::ArchSpec>& subnets,
                           const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                           const SupernetOptions& options);

// The same where the random subnets, all but the first two, are run together: `random` are their channels
// (NetworkImpl::channels_of), on the images' device. What it computes with depends on no value of a step.
SandwichLoss grouped_sandwich_step(supernet::Network& network, const at::Tensor& images,
                                   const std::vector<plan::ArchSpec>& fixed, const at::Tensor& random,
                                   const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                                   const SupernetOptions& options);

}  // namespace triage::train
