#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "data/dataset.h"

namespace triage::data {
namespace {

// How many of `total` each class gives: equal, the remainder to classes drawn by the seed.
std::vector<std::uint32_t> share_out(std::uint32_t total, std::uint32_t classes, std::uint64_t seed) {
  std::vector<std::uint32_t> shares(classes, total / classes);
  const auto order = random_permutation(classes, seed);
  for (std::uint32_t i = 0; i < total % classes; ++i) ++shares[order[i]];
  return shares;
}

}  // namespace

Splits make_splits(const Dataset& dataset, const SplitOptions& options) {
  const DatasetInfo& info = dataset.info();
  const auto classes = static_cast<std::uint32_t>(info.classes.size());
  std::vector<std::vector<std::uint32_t>> members(classes);
  for (std::uint32_t i = 0; i < info.train_count; ++i) members[dataset.label(i)].push_back(i);
  const auto route = share_out(options.route, classes, derive_seed(options.seed, "split.route"));
  const auto validation = share_out(options.validation, classes, derive_seed(options.seed, "split.validation"));

  Splits splits;
  for (std::uint32_t c = 0; c < classes; ++c) {
    auto& images = members[c];
    const std::uint64_t drawn = std::uint64_t{route[c]} + validation[c];
    if (images.size() <= drawn) {
      fail("{}: class {} ({}) has {} training images, expected more than {} ({} for route, {} for validation)",
           info.name, c, info.classes[c], images.size(), drawn, route[c], validation[c]);
    }
    Rng rng(derive_seed(options.seed, "split.class", c));
    rng.shuffle(std::span(images));
    const auto route_end = images.begin() + route[c];
    const auto validation_end = route_end + validation[c];
    splits.route.insert(splits.route.end(), images.begin(), route_end);
    splits.validation.insert(splits.validation.end(), route_end, validation_end);
    splits.train.insert(splits.train.end(), validation_end, images.end());
  }
  for (auto* part : {&splits.train, &splits.route, &splits.validation}) std::sort(part->begin(), part->end());
  for (std::uint32_t i = info.train_count; i < dataset.size(); ++i) splits.test.push_back(i);
  return splits;
}

}  // namespace triage::data
