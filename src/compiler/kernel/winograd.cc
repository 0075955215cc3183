#include "compiler/kernel/winograd.h"

#include "core/error.h"

namespace triage::compiler {

const Winograd& winograd(int m) {
  static const Winograd two{.input = {4, 4, {1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1}},
                            .weight = {4, 3, {1, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, -0.5f, 0.5f, 0, 0, 1}},
                            .output = {2, 4, {1, 1, 1, 0, 0, 1, -1, -1}}};
  constexpr float s = 1.0f / 6, t = 1.0f / 24;
  static const Winograd four{
      .input = {6, 6, {4, 0,  -5, 0, 1, 0, 0, -4, -4, 1,  1, 0, 0, 4, -4, -1, 1, 0,
                       0, -2, -1, 2, 1, 0, 0, 2,  -1, -2, 1, 0, 0, 4, 0,  -5, 0, 1}},
      .weight = {6, 3, {0.25f, 0, 0, -s, -s, -s, -s, s, -s, t, 2 * t, 4 * t, t, -2 * t, 4 * t, 0, 0, 1}},
      .output = {4, 6, {1, 1, 1, 1, 1, 0, 0, 1, -1, 2, -2, 0, 0, 1, 1, 4, 4, 0, 0, 1, -1, 8, -8, 1}}};
  if (m != 2 && m != 4) fail("winograd: found tiles of {}, expected 2 or 4", m);
  return m == 2 ? two : four;
}

}  // namespace triage::compiler
