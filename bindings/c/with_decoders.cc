#include "decoders.h"

namespace triage::c {

const ImageDecoder* decoder() { return &image_decoder(); }

}  // namespace triage::c
