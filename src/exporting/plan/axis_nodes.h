// One axis of preprocessing as ONNX nodes: the formulas of preprocess/axis.h over sizes that are known when an image is
// there. Weights are made in double precision and become the same whole numbers of kWeightBits bits, so that sums of
// them are the runtime's.
#pragma once

#include "exporting/plan/formula.h"
#include "preprocess/axis.h"

namespace triage::exporting {

// preprocess::AxisWindow: whole scalars.
struct WindowNodes {
  Value in, resized, first, count, before, after;  // after: black pixels behind
};
WindowNodes window_nodes(const Value& in, const Value& resized, int output);

// Pixels begin to end - 1 of the image, and what they weigh in the pixels that are kept: weights [end - begin, count]
// DOUBLE, whole numbers. Any interpolation but nearest. shrinks: a BOOL scalar, as in preprocess::AxisKey.
struct AxisWeights {
  Value begin, end, weights;
};
AxisWeights weight_nodes(const preprocess::Resize& resize, const WindowNodes& window, const Value& shrinks);

// [count] INT64: which pixels are kept of an axis that is resized to the nearest.
Value nearest_nodes(preprocess::Resampler resampler, const WindowNodes& window);

}  // namespace triage::exporting
