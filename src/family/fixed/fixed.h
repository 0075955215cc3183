// Nets as they are, by name: what a search may take beside the subnets of its supernets. "fixed:NAME" is one,
// "fixed:A|B|C" a space of several, the smallest first. What is in them is not known here: they have one section and no
// layers, so whoever names one has to know its size and cost.
#pragma once

#include "family/family.h"

namespace triage::family {

inline constexpr std::string_view kFixed = "fixed";

class FixedFamily final : public Family {
 public:
  std::string_view name() const override { return kFixed; }
  std::string canonical(std::string_view body) const override;
  std::unique_ptr<Space> space(std::string_view body) const override;
  std::size_t sections(std::string_view body) const override;
  std::string prefix(std::string_view body, std::size_t sections) const override;
  Blueprint blueprint(std::string_view body, const plan::InputShape& input,
                      int classes) const override;  // throws Error
};

bool is_fixed(const ArchSpec& net);
ArchSpec fixed_net(const std::string& name);  // throws Error for a name that no text may hold
std::string fixed_space(const std::vector<std::string>& rising_in_size);  // the text of it

}  // namespace triage::family
