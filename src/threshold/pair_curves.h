// Every pair of nets at every threshold, exactly: sweep_thresholds() (sums.h) for 64 second nets at a time. The first
// net's images are sorted by score once; the second nets' verdicts lie side by side, 64 nets a row, so that one pass
// over the sorted images advances 64 curves.
//
// A curve has an entry k for every number of images: how many images are labelled correctly, at most, by any threshold
// that sends on k or fewer (the upper envelope: more cost never costs accuracy).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "threshold/ranking.h"

namespace triage::threshold {

inline constexpr std::size_t kLanes = 64;

// The verdicts (1: correct) of up to kLanes nets, image-major.
class VerdictBlock {
 public:
  // nets: [nets][images]. Throws Error on more than kLanes nets and on another number of images.
  VerdictBlock(std::span<const std::span<const std::uint8_t>> nets, std::size_t images);
  std::size_t size() const { return size_; }
  const std::uint8_t* row(std::size_t image) const { return correct_.data() + image * kLanes; }

 private:
  std::size_t size_;
  std::vector<std::uint8_t> correct_;  // [images, kLanes]
};

// Curves of one first net with every net of a block. Not thread-safe: the buffer is used again. Index counts images.
template <std::unsigned_integral Index>
class PairCurves {
 public:
  explicit PairCurves(std::size_t images) : images_(images), correct_((images + 1) * kLanes) {}
  void compute(const Ranking<Index>& ranking, std::span<const std::uint8_t> first, const VerdictBlock& second);
  // Images labelled correctly when at most `escalated` go on to the block's net `lane`.
  Index correct(std::size_t escalated, std::size_t lane) const { return correct_[escalated * kLanes + lane]; }

 private:
  std::size_t images_;
  std::vector<Index> correct_;  // [images + 1, kLanes]
};

extern template class PairCurves<std::uint16_t>;
extern template class PairCurves<std::uint32_t>;

}  // namespace triage::threshold
