#include "compiler/kernel/edge_key.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/error.h"
#include "plan/arch.h"

namespace triage::compiler {
namespace {

constexpr std::array<std::string_view, 6> kKinds{"prepare", "head", "mean", "carry_out", "round", "real"};

}  // namespace

std::string EdgeKey::text() const {
  return std::format("{} {} {}/{} {}x{}{}", kKinds[static_cast<std::size_t>(kind)], plan::to_string(precision),
                     channels, stored, height, width, classes > 0 ? std::format(" classes {}", classes) : "");
}

EdgeKey EdgeKey::parse(std::string_view text) {
  const std::string whole(text);
  std::array<char, 16> name{}, precision{};
  EdgeKey key;
  const int read = std::sscanf(whole.c_str(), "%15s %15s %d/%d %dx%d classes %d", name.data(), precision.data(),
                               &key.channels, &key.stored, &key.height, &key.width, &key.classes);
  const auto kind = std::ranges::find(kKinds, std::string_view(name.data()));
  if (read >= 6 && kind != kKinds.end()) {
    key.kind = static_cast<EdgeKind>(kind - kKinds.begin());
    key.precision = plan::precision_from_string(precision.data(), "edge kernel '" + whole + "'");
  }
  const bool fits = std::min({key.channels, key.height, key.width}) >= 1 && key.stored >= key.channels &&
                    key.stored <= plan::kMaxWidth && std::max(key.height, key.width) <= plan::kMaxSide &&
                    key.classes <= plan::kMaxClasses;
  if (key.text() != text || !fits)
    fail("edge kernel: found '{}', expected one like 'head int8 60/64 4x4 classes 10'", text);
  return key;
}

}  // namespace triage::compiler
