#include "family/any_space.h"

#include "core/error.h"

namespace triage::family {

AnySpace::AnySpace(const plan::SearchSpace& plain) : AnySpace(parse(plain.text())) {}

AnySpace AnySpace::parse(std::string_view text) {
  AnySpace space;
  space.space_ = parse_space(text);
  return space;
}

bool AnySpace::is_plain() const { return split_family(space_->text()).family == kPlain; }

std::string AnySpace::figure_prefix() const { return is_plain() ? std::string() : space_->largest().family + "."; }

plan::SearchSpace AnySpace::plain() const {
  const std::string text = space_->text();
  if (!is_plain()) fail("space '{}': expected one of the family plain", text);
  return plan::SearchSpace::parse(text);
}

}  // namespace triage::family
