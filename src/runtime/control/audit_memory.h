// What an audit remembers.
#pragma once

#include <cstddef>
#include <vector>

namespace triage::runtime {

// The values that came last.
template <class T>
class LastOf {
 public:
  explicit LastOf(std::size_t most) : most_(most) { values_.reserve(most); }
  void add(T value) {
    if (values_.size() < most_)
      values_.push_back(value);
    else
      values_[next_] = value;
    next_ = (next_ + 1) % most_;
  }
  const std::vector<T>& values() const { return values_; }  // in no order

 private:
  std::size_t most_, next_ = 0;
  std::vector<T> values_;
};

struct Compared {  // an early leaver that ran to the end
  bool agrees = true;
  double promised = 1;
};

// What the curve's images say of disagreement at an exit: as seen, and at most (95 %).
struct Promise {
  double agreement = 1, most_disagreement = 1;
};

}  // namespace triage::runtime
