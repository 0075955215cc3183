// Levels of cost, and the best that was found in each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace triage::threshold {

// Costs 'low * ratio^i': of all points between two levels the most accurate one is kept.
class CostLevels {
 public:
  CostLevels(double low, double high, std::size_t count);  // throws Error unless 0 < low < high and count >= 2
  std::size_t size() const { return upper_.size(); }
  double upper(std::size_t level) const { return upper_[level]; }
  std::size_t level(double cost) const;  // the first whose upper end is not below; size() when beyond all

 private:
  std::vector<double> upper_;
};

struct MoreAccurate {
  bool operator()(const auto& a, const auto& b) const { return a.accuracy > b.accuracy; }
};
struct MoreAccurateOrCheaper {  // cheaper where they are as accurate as each other
  bool operator()(const auto& a, const auto& b) const {
    return a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.cost < b.cost);
  }
};

// The best `keep` of each level, best first; of what is as good as another the first one offered. A level beyond the
// last holds nothing.
template <class T, class Better = MoreAccurateOrCheaper>
class LevelTable {
 public:
  explicit LevelTable(std::size_t levels, std::size_t keep = 1) : keep_(keep), held_(levels), entries_(levels * keep) {}

  std::size_t levels() const { return held_.size(); }
  std::span<const T> at(std::size_t level) const { return {entries_.data() + level * keep_, held_[level]}; }

  // Whether offer() would keep a value like this, of which Better can read what it looks at.
  template <class U>
  bool improves(std::size_t level, const U& value) const {
    return level < held_.size() && keep_ > 0 &&
           (held_[level] < keep_ || Better()(value, entries_[level * keep_ + keep_ - 1]));
  }

  void offer(std::size_t level, T value) {
    offer(level, std::move(value), [](const T&, const T&) { return false; });
  }
  // same(entry, value): the two are one thing found twice, of which a level holds the better one.
  template <class Same>
  void offer(std::size_t level, T value, Same&& same) {
    if (!improves(level, value)) return;
    T* const list = entries_.data() + level * keep_;
    T* const end = list + held_[level];
    T* free = std::find_if(list, end, [&](const T& entry) { return same(entry, value); });
    if (free != end) {
      if (!Better()(value, *free)) return;
    } else if (held_[level] < keep_) {
      ++held_[level];
    } else {
      --free;  // the last one is given up
    }
    T* const at = std::find_if(list, free, [&](const T& entry) { return Better()(value, entry); });
    std::move_backward(at, free, free + 1);
    *at = std::move(value);
  }

  // The best of each level that is more accurate than those of all cheaper ones.
  std::vector<T> rising() const {
    std::vector<T> front;
    for (std::size_t level = 0; level < levels(); ++level) {
      if (held_[level] == 0) continue;
      const T& best = entries_[level * keep_];
      if (front.empty() || best.accuracy > front.back().accuracy) front.push_back(best);
    }
    return front;
  }

 private:
  std::size_t keep_;
  std::vector<std::size_t> held_;
  std::vector<T> entries_;
};

}  // namespace triage::threshold
