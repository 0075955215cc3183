// What becomes of a photograph whose aspect ratio is not that of a network's input: squash changes it, crop takes the
// largest middle part of the wanted one, pad adds black borders. Data sets and plans keep it: data/resize.h does it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/json.h"

namespace triage {

enum class Fit { squash, crop, pad };
inline constexpr std::array<std::string_view, 3> kFitNames = {"squash", "crop", "pad"};  // in that order

constexpr std::string_view fit_name(Fit fit) { return kFitNames[static_cast<std::size_t>(fit)]; }

constexpr std::optional<Fit> fit_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kFitNames.size(); ++i) {
    if (kFitNames[i] == name) return static_cast<Fit>(i);
  }
  return std::nullopt;
}

Fit fit_from_json(const JsonReader& json);  // its field "fit"; squash where there is none

}  // namespace triage
