#include "compiler/target.h"

#include "core/error.h"

namespace triage::compiler {

std::string Target::text() const {
  std::string text = architecture;
  for (const std::string& feature : features) text += " " + feature;
  return text;
}

Target target_for(const std::string& architecture, const std::set<std::string>& flags) {
  Target target{.architecture = architecture};
  for (const char* flag : {"avx2", "f16c", "fma"}) {
    if (flags.contains(flag)) target.features.emplace_back(flag);
  }
  return target;
}

Target target_from_name(const std::string& name) {
  if (name != "avx2") fail("target: expected avx2, found '{}'", name);
  return target_for("x86_64", {"avx2", "f16c", "fma"});
}

}  // namespace triage::compiler
