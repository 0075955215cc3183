// The spaces that a search draws nets from, each of one supernet; no two are of the same family, so a net's own says
// which supernet it is cut from.
#pragma once

#include <vector>

#include "family/any_space.h"

namespace triage::search {

struct SearchedSpace {
  family::AnySpace space;
  std::vector<int> exits;  // sections behind which every subnet answers, rising, the space's last one at the end
};
using SearchedSpaces = std::vector<SearchedSpace>;

// The one that a net, or the beginning of one, is of. Throws Error that names both where there is none.
const SearchedSpace& space_of(const SearchedSpaces& spaces, const family::ArchSpec& net);

}  // namespace triage::search
