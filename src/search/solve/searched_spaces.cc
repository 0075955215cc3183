#include "search/solve/searched_spaces.h"

#include "core/error.h"

namespace triage::search {

const SearchedSpace& space_of(const SearchedSpaces& spaces, const family::ArchSpec& net) {
  std::string texts;
  for (const SearchedSpace& one : spaces) {
    const std::string text = one.space->text();
    if (family::split_family(text).family == net.family) return one;
    texts += (texts.empty() ? "'" : "', '") + text;
  }
  fail("net '{}': expected one of the search's spaces, {}', found one of the family {}", net.text(), texts, net.family);
}

}  // namespace triage::search
