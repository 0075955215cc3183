// triage-measure (other_program.h).
#pragma once

#include "core/files/file.h"

namespace triage::workflow {

fs::path measuring_program();  // throws Error where it does not stand there

}  // namespace triage::workflow
