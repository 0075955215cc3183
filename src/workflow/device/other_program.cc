#include "workflow/device/other_program.h"

#include <dlfcn.h>

#include "core/error.h"

namespace triage::workflow {

fs::path other_program(const std::string& name) {
  Dl_info here{};
  if (::dladdr(reinterpret_cast<const void*>(&other_program), &here) == 0)
    fail("{}: where this program is is not known", name);
  const fs::path program = fs::absolute(here.dli_fname).parent_path() / name;
  if (!fs::exists(program)) fail("expected {}, found none", program.string());
  return program;
}

}  // namespace triage::workflow
