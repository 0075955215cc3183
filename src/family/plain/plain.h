// Plain 3x3 convolutions, as plan/arch.h and plan/space.h have them: widths per layer, depth per block. A section is a
// block. Texts have no prefix.
#pragma once

#include "family/family.h"

namespace triage::family {

class PlainFamily final : public Family {
 public:
  std::string_view name() const override { return kPlain; }
  std::string canonical(std::string_view body) const override;
  std::unique_ptr<Space> space(std::string_view body) const override;
  std::size_t sections(std::string_view body) const override;
  std::string prefix(std::string_view body, std::size_t sections) const override;
  Blueprint blueprint(std::string_view body, const plan::InputShape& input, int classes) const override;
};

// Of an ArchSpec of this family; throws Error where it is of another. And back.
plan::ArchSpec plain_arch(const ArchSpec& arch);
ArchSpec plain_spec(const plan::ArchSpec& arch);

}  // namespace triage::family
