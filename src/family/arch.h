// ArchSpec: one concrete network of any family, by its text. What a text means is known to its family alone.
//
// "24-64,64-192" is plain (plan/arch.h); others begin with their family's name: "residual:16-16x3-32x3/2-64x3/2",
// "mbconv:16h/2-16k3e1-24k5e6s4hx2/2" (sections/section_net.h, docs/families.md). A text is canonical: two nets of a
// family are one where their texts are one.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace triage::family {

inline constexpr std::string_view kPlain = "plain";

struct ArchSpec {
  std::string family{kPlain};
  std::string body;  // the text without the family's name

  static ArchSpec parse(std::string_view text);  // throws Error with the text and the offending part
  std::string text() const;                      // without a prefix where the family is plain
  auto operator<=>(const ArchSpec&) const = default;
};

// A text's family and the rest of it; plain where it has no prefix. The family need not exist.
struct FamilyText {
  std::string_view family, body;
};
FamilyText split_family(std::string_view text);
std::string join_family(std::string_view family, std::string_view body);

}  // namespace triage::family
