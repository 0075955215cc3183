#include "decoders.h"

namespace triage::c {

const ImageDecoder* decoder() { return nullptr; }

}  // namespace triage::c
