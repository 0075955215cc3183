#include "workflow/search/subnet_list.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files/file.h"

namespace triage::workflow {

family::ArchSpec subnet_of(const family::Space& space, const std::string& text) {
  if (text == "largest") return space.largest();
  if (text == "smallest") return space.smallest();
  family::ArchSpec subnet = family::ArchSpec::parse(text);
  space.check(subnet);
  return subnet;
}

std::vector<family::ArchSpec> SubnetList::subnets(const family::Space& space) const {
  std::vector<family::ArchSpec> chosen;
  std::set<std::string> seen;
  const auto add = [&](family::ArchSpec subnet) {
    if (seen.insert(subnet.text()).second) chosen.push_back(std::move(subnet));
  };
  for (const std::string& text : archs) add(subnet_of(space, text));
  if (!list.empty()) {
    std::istringstream lines(read_file(list, {.bytes = 1 << 26}));
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      line.erase(std::ranges::find_if(line, [](char c) { return c == '#' || c == '\r' || c == ' '; }), line.end());
      if (line.empty()) continue;
      try {
        add(subnet_of(space, line));
      } catch (const Error& error) {
        fail("{}:{}: {}", list, number, error.what());
      }
    }
  }
  const std::size_t wanted = chosen.size() + static_cast<std::size_t>(random);
  for (family::ArchSpec& subnet : space.sample_distinct(wanted, seed)) {  // so many, as named ones may be among them
    if (chosen.size() < wanted) add(std::move(subnet));
  }
  if (chosen.empty()) throw UsageError("expected at least one subnet: --arch, --list or --random");
  return chosen;
}

}  // namespace triage::workflow
