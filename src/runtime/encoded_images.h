// Encoded images through an executor: decoded a few at a time, so that a batch of photographs needs bounded memory.
#pragma once

#include "runtime/executor.h"
#include "triage/decoder.h"

namespace triage::runtime {

// As Classifier::classify. decoder: null is the error `unsupported`.
Status classify_encoded(const Executor& executor, const ImageDecoder* decoder, double max_megapixels,
                        std::span<const EncodedImage> images, std::span<Outcome> outcomes, const Details& details = {});

}  // namespace triage::runtime
