#include "engine/session.h"

#include "engine/status.h"

namespace triage::engine {

void check_tensors(const SessionInfo& info, int n, const StageTensors& tensors, const std::string& origin) {
  if (n < 1 || !tensors.input || !tensors.logits) {
    fail_with(ErrorCode::bad_input, "{}: run: expected n >= 1 (found {}), an input and a logits buffer", origin, n);
  }
  const bool no_features = tensors.features && info.feature_width == 0,
             no_carry = tensors.carry && info.carry_size == 0;
  if (no_features || no_carry) {
    fail_with(ErrorCode::bad_input, "{}: output '{}': wanted, but the stage has none", origin,
              no_features ? "features" : "carry");
  }
}

}  // namespace triage::engine
