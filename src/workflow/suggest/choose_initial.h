// What a first run should be: which two nets, for how many epochs, in the time that there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "workflow/suggest/suggest_nets.h"

namespace triage::workflow {

struct TrainableNet {
  SuggestedNet net;
  double images_per_second = 0;  // of its training on this machine
};

struct TimeAllowed {
  std::size_t images = 0;  // that are trained on
  double minutes = 30;     // of everything; a fifth is kept for building, evaluation and report
  std::optional<double> most_latency_us;
};

struct InitialChoice {
  std::size_t little = 0, big = 0;  // of the nets
  int epochs = 0, batch = 0;        // of both
  double minutes = 0;               // that training takes, as estimated
  double mean_latency_us = 0;       // as SuggestedPair's
  int enough_epochs = 0;            // what such a set asks for, from experience: 5,000 steps, 8 to 80 epochs
  bool short_of_time() const { return epochs < enough_epochs; }
};

// The pair whose big net has the most MACs of those that keep the limit and are trained for enough epochs; where none
// is, the pair that is trained fastest. Epochs fill the time, up to three times what is enough. None: no pair keeps the
// limit (suggest_pair).
std::optional<InitialChoice> choose_initial(std::span<const TrainableNet> nets, const TimeAllowed& allowed);

// Views of each image that the big net teaches the little one with.
int teacher_views(int epochs);

}  // namespace triage::workflow
