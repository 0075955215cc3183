// Which decoder the library has: with_decoders.cc or without_decoders.cc is part of it.
#pragma once

#include "triage/decoder.h"

namespace triage::c {

const ImageDecoder* decoder();  // null: none

}  // namespace triage::c
