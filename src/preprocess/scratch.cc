#include "preprocess/scratch.h"

#include <algorithm>

namespace triage::preprocess {

const AxisTable& Scratch::table(const AxisKey& key) {
  auto found = std::ranges::find_if(kept_, [&](const Kept& one) { return one.used > 0 && one.table.key == key; });
  if (found == kept_.end()) {
    found = std::ranges::min_element(kept_, {}, &Kept::used);
    found->used = 0;  // until the table is whole
    AxisTable& table = found->table;
    table.first.reserve(most_first_);  // so that images of many sizes soon need no more memory
    table.weights.reserve(most_weights_);
    table.one.reserve(most_one_);
    fill_table(key, table);
    most_first_ = std::max(most_first_, table.first.capacity());
    most_weights_ = std::max(most_weights_, table.weights.capacity());
    most_one_ = std::max(most_one_, table.one.capacity());
  }
  found->used = ++time_;
  return found->table;
}

}  // namespace triage::preprocess
