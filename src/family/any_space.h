// AnySpace: a space of any family as a value, shared and immutable. A net is a space of one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "family/family.h"
#include "plan/space.h"

namespace triage::family {

class AnySpace {
 public:
  AnySpace() = default;                          // none: to be assigned before it is asked
  AnySpace(const plan::SearchSpace& plain);      // NOLINT(google-explicit-constructor): it is one of these
  static AnySpace parse(std::string_view text);  // throws Error with the text and the offending part

  const Space* operator->() const { return space_.get(); }
  const Space& operator*() const { return *space_; }

  bool is_plain() const;
  std::string figure_prefix() const;  // what names of its figures begin with: "residual.", nothing for plain
  plan::SearchSpace plain() const;    // throws Error where it is of another family
  bool operator==(const AnySpace& other) const { return space_->text() == other.space_->text(); }

 private:
  std::shared_ptr<const Space> space_;
};

}  // namespace triage::family
