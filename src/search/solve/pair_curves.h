// Every pair of nets at every threshold, exactly: the first net's images are sorted by score once; the second nets'
// verdicts lie side by side, 64 nets a row, so that one pass over the sorted images advances 64 curves at a time.
//
// A curve has a place k for every number of images that go on: there stands how many images are then labelled right, at
// most, by any threshold that sends on k or fewer (the upper envelope: more cost never costs accuracy).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "search/solve/exit_net.h"

namespace triage::search {

inline constexpr std::size_t kLanes = 64;

// The verdicts of up to kLanes nets, image-major.
class VerdictBlock {
 public:
  VerdictBlock(std::span<const ExitNet* const> nets, std::size_t images);  // throws Error on more than kLanes nets
  std::size_t size() const { return size_; }
  const std::uint8_t* row(std::size_t image) const { return right_.data() + image * kLanes; }

 private:
  std::size_t size_;
  std::vector<std::uint8_t> right_;  // [images, kLanes]
};

// Curves of `first` with every net of a block. Not thread-safe: the buffer is used again.
class PairCurves {
 public:
  explicit PairCurves(std::size_t images) : images_(images), right_((images + 1) * kLanes) {}
  void compute(const Ranking& ranking, std::span<const std::uint8_t> first_right, const VerdictBlock& second);
  // Images labelled right when at most `moved` go on to the block's net `lane`.
  std::uint16_t right(std::size_t moved, std::size_t lane) const { return right_[moved * kLanes + lane]; }

 private:
  std::size_t images_;
  std::vector<std::uint16_t> right_;  // [images + 1, kLanes]
};

}  // namespace triage::search
