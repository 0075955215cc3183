// Pictures of a data set to look at.
#pragma once

#include "data/dataset.h"
#include "data/image/image.h"

namespace triage::data {

// An image of a raw set as it is, of an encoded one the whole image in a square of 128 pixels, black around it.
Image picture_of(const Dataset& dataset, std::uint32_t index);

// The first images of each class side by side, as picture_of() shows them, a class a row, of the first classes: at most
// 12 in a row and 100 rows. White where a class has fewer.
Image contact_sheet(const Dataset& dataset);

}  // namespace triage::data
