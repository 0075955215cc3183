// Programs that stand beside the file that this code is in: in the build's folder, or in lib/triage where they are
// installed.
#pragma once

#include <string>

#include "core/files/file.h"

namespace triage::workflow {

fs::path other_program(const std::string& name);  // throws Error where it does not stand there

}  // namespace triage::workflow
