// One step of training a space of many subnets at once, by the sandwich rule with in-place distillation (Yu, Huang
// 2019, "Universally Slimmable Networks and Improved Training Techniques"): the largest subnet learns from the labels,
// the smallest and some random ones from what the largest says about the same images. Gradients add up.
#pragma once

#include <functional>

#include "core/rng.h"
#include "supernet/any_network.h"
#include "train/options.h"

namespace triage::train {

// The subnets of a step, a function of (seed, step) alone: the largest first, the smallest next; or those of
// SupernetOptions::subnets. Throws Error for one outside the space.
std::vector<family::ArchSpec> sandwich_subnets(const family::AnySpace& space, const SupernetOptions& options,
                                               std::uint64_t seed, std::uint64_t step);

struct SandwichLoss {
  at::Tensor logits;            // [N, classes] of the largest subnet, without gradient
  at::Tensor largest, subnets;  // its loss, exits included, and the mean loss of the others: scalars, as they are used
};

// Adds the step's gradients to the network's parameters. `loss`: what the largest subnet's logits are trained with.
// before_last: called before the last backward pass, after which gradients are whole.
SandwichLoss sandwich_step(supernet::AnyNetworkImpl& network, const at::Tensor& images,
                           const std::vector<family::ArchSpec>& subnets,
                           const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                           const SupernetOptions& options, const std::function<void()>& before_last = {});

// The same where the random subnets, all but the first two, are run together: `random` are their channels
// (NetworkImpl::channels_of), on the images' device; undefined where there are none. Groups are of plain networks. What
// it computes with depends on no value of a step.
SandwichLoss grouped_sandwich_step(supernet::AnyNetworkImpl& network, const at::Tensor& images,
                                   const std::vector<family::ArchSpec>& fixed, const at::Tensor& random,
                                   const std::function<at::Tensor(const at::Tensor& logits)>& loss,
                                   const SupernetOptions& options);

}  // namespace triage::train
