// A picture of a data set to look at.
#pragma once

#include "data/dataset.h"
#include "data/image/image.h"

namespace triage::data {

// The first images of each class side by side, a class a row, of the first classes: at most 12 in a row and 100 rows.
// White where a class has fewer.
Image contact_sheet(const Dataset& dataset);

}  // namespace triage::data
