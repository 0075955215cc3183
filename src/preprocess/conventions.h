// The usual conventions of preprocessing, to be tried on labelled images where no file says which one a network was
// trained with.
//
// A ConventionSearch asks for trials in two stages: first the values (scale, mean, stddev, channel order) with one way
// to resize and crop, then the ways to resize and crop with the values that won; about 20 in all. Whoever has the
// network runs them. Where trials cannot be told from the best one by the images, the more usual convention is taken:
// the earlier one of the list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "preprocess/network_input.h"

namespace triage::preprocess {

struct Convention {
  std::string values, geometry;  // names for people: "imagenet rgb", "shorter side / 0.875 bilinear"
  Preprocess preprocess;
};

struct ImageSize {
  int height = 0, width = 0;  // 0: any
  bool operator==(const ImageSize&) const = default;
};

// The size that stands for images of many: of those whose shorter side is the most frequent one, the most frequent; the
// first of equals. {0, 0} of none.
ImageSize typical_size(std::span<const ImageSize> sizes);

// Values: the more usual ones first; all with the resize and crop of `base`.
std::vector<Convention> value_conventions(const NetworkInput& input, const Convention& base);

// Resize and crop: with the values of `base`. What is usual depends on the images: where they have the network's size
// there is one way, where their shorter side has it that comes first. images: their typical size.
std::vector<Convention> geometry_conventions(const NetworkInput& input, ImageSize images, const Convention& base);

struct ConventionTrial {
  Convention convention;
  std::vector<std::uint8_t> right;  // [images] 1: the network was right, else 0
  double accuracy = 0;
  double p_value = 1;  // McNemar's exact test against the trial that is taken
};

class ConventionSearch {
 public:
  ConventionSearch(const NetworkInput& input, ImageSize images);

  // The trials of the stage that is next; empty: the search is done.
  std::span<const Convention> next() const { return next_; }

  // Their answers: right[i][k], whether the network was right about image k with next()[i]. At least one image, the
  // same ones in every stage. Goes to the next stage.
  void answer(const std::vector<std::vector<std::uint8_t>>& right);

  // All trials so far, in the order they were asked for.
  const std::vector<ConventionTrial>& trials() const { return trials_; }

  // The index of the trial that is taken. Only when next() is empty.
  std::size_t chosen() const { return chosen_; }

  // The trials that the images cannot tell from the chosen one (p_value above kConventionNoise), though their answers
  // are not all the same: what the user may know better.
  std::vector<std::size_t> alike() const;

 private:
  void choose(const std::vector<std::size_t>& stage);  // among these trials

  NetworkInput input_;
  ImageSize images_;
  int stage_ = 0;
  std::vector<Convention> next_;
  std::vector<ConventionTrial> trials_;
  std::size_t chosen_ = 0;
};

inline constexpr double kConventionNoise = 0.05;

}  // namespace triage::preprocess
