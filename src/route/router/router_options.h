// How routers are trained (route/router_training.h): the [router] of a configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/config.h"

namespace triage::route {

constexpr int kMinFolds = 3;  // one is held out of the choice, one of the training
constexpr std::size_t kImagesPerFold = 10;

struct RouterObjective {
  bool mixed = true;
  double weight = 0.3;  // mixed: lambda; gain: share of the last stage's probabilities in u
};

struct RouterTrainingOptions {
  int hidden = 4;              // units per member
  int members = 5;             // nets averaged (before the sigmoid) into one router: hidden * members units
  int folds = 5, repeats = 2;  // cross-validation
  int steps = 160;             // at most, of Adam on all images
  int check_every = 16;        // steps between two cross-validation scores
  double learning_rate = 0.02;
  std::vector<RouterObjective> objectives{{true, 0.2}, {true, 0.5}, {true, 1.0}, {false, 0.0}, {false, 0.5}};
  std::vector<double> weight_decay{0.001, 0.01};  // of all weights but skip and biases; features are also tried without
  std::vector<double> strengths{0.25, 0.5, 1.0};  // factor of the hidden part against the skip
  double evidence = 1;                            // standard errors the held-out gain must be above zero
  std::uint64_t seed = 1;
};

// The keys of a [router]; refuses what train_routers() would refuse, or what no plan may hold.
void read_router_options(ConfigSection& section, RouterTrainingOptions& options);

std::size_t min_images(const RouterTrainingOptions& options);  // of the table that train_routers() is given

}  // namespace triage::route
