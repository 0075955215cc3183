// Texts of all families: what is read comes back as the same text, and a subnet of a space is in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "family/family.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage::family;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::unique_ptr<Space> space;
  try {
    space = parse_space(text);
  } catch (const triage::Error&) {
    return 0;
  }
  if (parse_space(space->text())->text() != space->text()) std::abort();
  triage::Rng rng(size);
  for (const ArchSpec& arch : {space->largest(), space->smallest(), space->sample_sized(rng)}) {
    space->check(arch);
    if (ArchSpec::parse(arch.text()) != arch) std::abort();
    space->check(space->complete(prefix(space->step(arch, rng), 1)));
  }
  return 0;
}
