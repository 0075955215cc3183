#include "workflow/device/measuring_program.h"

#include "workflow/device/other_program.h"

namespace triage::workflow {

fs::path measuring_program() { return other_program("triage-measure"); }

}  // namespace triage::workflow
