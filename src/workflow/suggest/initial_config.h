// The configuration of a first run, as text for people: what was chosen stands in it with its reason.
#pragma once

#include <string>
#include <vector>

#include "workflow/suggest/choose_initial.h"

namespace triage::workflow {

struct InitialConfig {
  std::string name;
  std::string data;       // the data set's file, as the configuration is to name it
  int side = 32;          // shorter one of the images, in pixels
  std::size_t route = 0;  // images of the route split; 0: a tenth of the training images, as by default
  TrainableNet little, big;
  InitialChoice choice;
  TimeAllowed allowed;
  std::vector<std::string> notes;  // lines on how the data came about
};

// TOML that load_run_config() reads; `triage run FILE` repeats the run. Epochs, batches, rates for these batches and
// augmentation stand in it, all else is each family's own (docs/configuration.md).
std::string initial_config_text(const InitialConfig& config);

// Of all nets, for one epoch of images as they will be augmented: whose speeds a dry run is asked for.
std::string trial_config_text(const std::string& data, int side, const std::vector<SuggestedNet>& nets, int batch,
                              std::size_t route);

}  // namespace triage::workflow
