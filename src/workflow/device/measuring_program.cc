#include "workflow/device/measuring_program.h"

#include "core/error.h"

namespace triage::workflow {

fs::path measuring_program() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "triage-measure";
  if (!fs::exists(program)) fail("memory: expected {}, found none", program.string());
  return program;
}

}  // namespace triage::workflow
