// Which images are trained on, route, validate and test: seeded, in the proportions of the classes, groups of images
// kept together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace triage::data {

// Disjoint splits as indices into the Dataset. `route` and `validation` images are drawn from the training images; the
// rest is `train`. A data set's own validation images are `validation` instead. `test` is the data set's own.
struct SplitOptions {
  std::uint32_t route = 2500, validation = 5000;
  std::uint64_t seed = 1;
};
struct Splits {
  std::vector<std::uint32_t> train, route, validation, test;
  // How they were drawn: empty as ever, the same number of each class; "proportional"; "groups". Part of what a
  // training depends on.
  std::string drawn;
  std::vector<std::string> notes;  // what a person should know: classes that are missing from a split
};
Splits make_splits(const Dataset& dataset, const SplitOptions& options);  // throws Error when too little is left

// A wanted size as configurations give it: a number of images, or a share of the training images.
struct SplitSize {
  std::uint32_t images = 0;
  double share = 0;  // above 0: instead of `images`
};
// "10%", "0.1" or "2500".
std::optional<SplitSize> parse_split_size(const std::string& text);

// The sizes in images. Without a wish: a tenth of the training images, at most the defaults of SplitOptions. A data
// set's own validation images are all taken.
SplitOptions resolve_splits(const DatasetInfo& info, const std::optional<SplitSize>& route,
                            const std::optional<SplitSize>& validation, std::uint64_t seed);

// Parts of a set of images, for importers too: each image goes to one of `parts`, or to what is left.
struct DrawPart {
  const char* name;  // also the purpose its draw is seeded by
  std::uint64_t
      images;  // wanted; every class gives its proportion, largest remainder, at least one where it has enough
};
struct Assignment {
  std::vector<std::uint8_t> part;  // of each image: 0 for what is left (train), else 1 + the index into parts
  std::string drawn;               // as of Splits
  std::vector<std::string> notes;
};
// labels: below classes.size(); groups: of each image, or empty. origin: names the set in errors.
Assignment draw_parts(std::span<const Label> labels, const std::vector<std::string>& classes,
                      std::span<const std::uint32_t> groups, std::span<const DrawPart> parts, std::uint64_t seed,
                      const std::string& origin);

}  // namespace triage::data
