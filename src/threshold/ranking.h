// Images in the order in which a falling threshold sends them on: what every curve over thresholds is walked along.
//
// An image goes on from an exit while its score is above the exit's threshold. Thresholds lie between neighbouring
// scores, so that rounding in another engine or at another batch size does not flip an image.
#pragma once

#include <concepts>
#include <cstdint>
#include <variant>
#include <vector>

namespace triage::threshold {

// Thresholds that send every image on, and none: scores lie in [0, 1].
inline constexpr double kEscalateAll = -1, kEscalateNone = 1;

inline double between(float a, float b) { return (static_cast<double>(a) + static_cast<double>(b)) / 2; }

// Images of equal score go on together or not at all. Index counts images: 16 bits where many rankings are kept.
template <std::unsigned_integral Index>
struct Ranking {
  std::vector<float> score;             // [images]
  std::vector<Index> order;             // [images] highest score first, equal scores by number
  std::vector<std::uint8_t> group_end;  // [images] 1: order[k] is the last image of its score
  std::vector<Index> below;             // [images] how many images have a lower score
};

// Throws Error on more images than Index can count.
template <std::unsigned_integral Index>
Ranking<Index> rank_images(std::vector<float> score);

// The threshold above which that many images have their scores; `escalated` must end a group.
template <std::unsigned_integral Index>
double threshold_after(const Ranking<Index>& ranking, std::size_t escalated);

// The narrower of two that can count the images, for callers that keep thousands of rankings: 16 bits up to 65,535
// images. Taken apart by std::visit().
using CompactRanking = std::variant<Ranking<std::uint16_t>, Ranking<std::uint32_t>>;
CompactRanking rank_compactly(std::vector<float> score);
const std::vector<float>& scores(const CompactRanking& ranking);
double threshold_after(const CompactRanking& ranking, std::size_t escalated);

extern template Ranking<std::uint16_t> rank_images(std::vector<float>);
extern template Ranking<std::uint32_t> rank_images(std::vector<float>);
extern template double threshold_after(const Ranking<std::uint16_t>&, std::size_t);
extern template double threshold_after(const Ranking<std::uint32_t>&, std::size_t);

}  // namespace triage::threshold
