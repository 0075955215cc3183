#include "preprocess/scratch.h"

#include <algorithm>

namespace triage::preprocess {

const AxisTable& Scratch::table(const AxisKey& key) {
  auto found = std::ranges::find_if(kept_, [&](const Kept& one) { return one.used > 0 && one.table.key == key; });
  if (found == kept_.end()) {
    found = std::ranges::min_element(kept_, {}, &Kept::used);
    found->used = 0;  // until the table is whole
    fill_table(key, found->table);
  }
  found->used = ++time_;
  return found->table;
}

}  // namespace triage::preprocess
