// SpaceGraph: a space as a graph, so that what a layer of it can look like is listed without naming every net.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "family/blueprint.h"

namespace triage::family {

// One choice: what a net has between two places. A place says how a net may go on: where in the space it is, and what
// it hands over.
struct SpaceStep {
  int from = 0, to = 0;
  std::string text;           // that it adds to a net's
  std::vector<Layer> layers;  // with sizes; inputs are indices into these, kImage what comes in
};

// Each net of the space is a way from place 0, the image, to the last place, and each way is a net: its text is those
// of the steps, one behind the other, as the family reads it. A head is no part of it. Steps to a place stand before
// those from it.
struct SpaceGraph {
  std::vector<SpaceStep> steps;
  int places = 1;
};

}  // namespace triage::family
