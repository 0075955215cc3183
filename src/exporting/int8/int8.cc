#include "exporting/int8/int8.h"

namespace triage::exporting {

bool Int8Stage::rounds(std::size_t map) const {
  return (map < convs.size() && convs[map]) || (map > 0 && convs[map - 1]);
}

}  // namespace triage::exporting
