// Map: quotas of each class in each part (proportional, largest remainder), then the draw: within each class an order
// by the seed, of which the first images go to the first part; where images have groups, whole groups in such an order.
#include "data/splits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace triage::data {
namespace {

using Quotas = std::vector<std::uint64_t>;  // of each class

// Every class the same, the remainder to classes drawn by the seed: what sets of equal classes get.
Quotas equal_shares(std::uint64_t total, std::size_t classes, const std::vector<std::uint32_t>& order) {
  Quotas shares(classes, total / classes);
  for (std::uint64_t i = 0; i < total % classes; ++i) ++shares[order[i]];
  return shares;
}

// In proportion to `counts`; the largest remainders are rounded up, equal ones in `order`.
Quotas proportional_shares(std::uint64_t total, const Quotas& counts, const std::vector<std::uint32_t>& order) {
  const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  Quotas shares(counts.size());
  std::vector<std::uint64_t> remainder(counts.size());
  std::uint64_t given = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    shares[c] = total * counts[c] / all;
    remainder[c] = total * counts[c] % all;
    given += shares[c];
  }
  std::vector<std::uint32_t> by_remainder = order;
  std::ranges::stable_sort(by_remainder, std::greater(), [&](std::uint32_t c) { return remainder[c]; });
  for (std::uint64_t i = 0; i < total - given; ++i) ++shares[by_remainder[i]];
  return shares;
}

// Images that a class must have to be in every part and in what is left.
std::uint64_t enough(std::span<const DrawPart> parts) { return parts.size() + 1; }

// No class ends up empty where it has enough images: one is taken from where there is most; what is left (train) keeps
// at least one of every class.
void mend(std::vector<Quotas>& quotas, const Quotas& counts, std::span<const DrawPart> parts) {
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (parts[p].images == 0) continue;
    Quotas& shares = quotas[p];
    for (std::size_t c = 0; c < counts.size(); ++c) {
      if (shares[c] > 0 || counts[c] < enough(parts)) continue;
      const auto donor = std::ranges::max_element(shares);
      if (*donor < 2) break;
      --*donor;
      ++shares[c];
    }
  }
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const auto taken = [&] {
      std::uint64_t sum = 0;
      for (const Quotas& shares : quotas) sum += shares[c];
      return sum;
    };
    while (counts[c] > 0 && taken() >= counts[c]) {
      auto largest = std::ranges::max_element(quotas, {}, [&](const Quotas& shares) { return shares[c]; });
      --(*largest)[c];
    }
  }
}

struct Wanted {
  std::vector<Quotas> quotas;  // of each part
  bool equal = false;          // the same that equal_shares() gives
};

Wanted wanted_quotas(const Quotas& counts, std::span<const DrawPart> parts, std::uint64_t seed) {
  Wanted wanted;
  std::vector<Quotas> equal;
  for (const DrawPart& part : parts) {
    const auto order = random_permutation(static_cast<std::uint32_t>(counts.size()),
                                          derive_seed(seed, std::string("split.") + part.name));
    wanted.quotas.push_back(proportional_shares(part.images, counts, order));
    equal.push_back(equal_shares(part.images, counts.size(), order));
  }
  mend(wanted.quotas, counts, parts);
  wanted.equal = wanted.quotas == equal;
  return wanted;
}

std::vector<std::uint8_t> draw_images(std::span<const Label> labels, const Wanted& wanted, std::uint64_t seed) {
  std::vector<std::vector<std::uint32_t>> members(wanted.quotas.empty() ? 0 : wanted.quotas[0].size());
  for (std::uint32_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  std::vector<std::uint8_t> part(labels.size(), 0);
  for (std::size_t c = 0; c < members.size(); ++c) {
    Rng rng(derive_seed(seed, "split.class", c));
    rng.shuffle(std::span(members[c]));
    std::size_t next = 0;
    for (std::size_t p = 0; p < wanted.quotas.size(); ++p) {
      for (std::uint64_t i = 0; i < wanted.quotas[p][c]; ++i) {
        part[members[c][next++]] = static_cast<std::uint8_t>(p + 1);
      }
    }
  }
  return part;
}

// Rare classes first: each part takes whole groups in a seeded order while that brings it nearer to its quota, and one
// in any case where the class has enough groups; the last group of a class stays with what is left.
std::vector<std::uint8_t> draw_groups(std::span<const Label> labels, std::span<const std::uint32_t> groups,
                                      const Quotas& counts, const Wanted& wanted, std::uint64_t seed) {
  const std::uint32_t group_count = groups.empty() ? 0 : *std::ranges::max_element(groups) + 1;
  std::vector<std::map<Label, std::uint64_t>> contents(group_count);
  for (std::size_t i = 0; i < labels.size(); ++i) ++contents[groups[i]][labels[i]];
  std::vector<std::vector<std::uint32_t>> of_class(counts.size());
  for (const std::uint32_t g : random_permutation(group_count, derive_seed(seed, "split.groups"))) {
    for (const auto& [label, count] : contents[g]) of_class[label].push_back(g);
  }
  std::vector<std::uint8_t> taken(group_count, 0);
  std::vector<Quotas> got(wanted.quotas.size(), Quotas(counts.size()));
  std::vector<std::uint32_t> classes(counts.size());
  std::iota(classes.begin(), classes.end(), 0u);
  std::ranges::stable_sort(classes, {}, [&](std::uint32_t c) { return counts[c]; });
  for (const std::uint32_t c : classes) {
    for (std::size_t p = 0; p < wanted.quotas.size(); ++p) {
      const std::uint64_t quota = wanted.quotas[p][c];
      for (const std::uint32_t g : of_class[c]) {
        if (taken[g] != 0) continue;
        const auto untaken = std::ranges::count_if(of_class[c], [&](std::uint32_t o) { return taken[o] == 0; });
        const auto later =
            std::ranges::count_if(std::span(got).subspan(p + 1), [&](const Quotas& other) { return other[c] == 0; });
        if (untaken <= 1 + later) break;  // the rest is for the other parts and for what is left
        const std::uint64_t size = contents[g].at(c);
        const bool nearer = got[p][c] + size <= quota || got[p][c] + size - quota < quota - std::min(quota, got[p][c]);
        const bool first = got[p][c] == 0 && quota > 0;
        const bool others_stay = std::ranges::all_of(contents[g], [&](const auto& item) {
          return std::ranges::count_if(of_class[item.first], [&](std::uint32_t o) { return taken[o] == 0; }) > 1;
        });
        if (!(nearer || first) || !others_stay) continue;
        taken[g] = static_cast<std::uint8_t>(p + 1);
        for (const auto& [label, count] : contents[g]) got[p][label] += count;
      }
    }
  }
  std::vector<std::uint8_t> part(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) part[i] = taken[groups[i]];
  return part;
}

// "a, b and 3 more".
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kShown ? std::format("{} and {} more", text, names.size() - kShown) : text;
}

}  // namespace

Assignment draw_parts(std::span<const Label> labels, const std::vector<std::string>& classes,
                      std::span<const std::uint32_t> groups, std::span<const DrawPart> parts, std::uint64_t seed,
                      const std::string& origin) {
  std::uint64_t asked = 0;
  std::string of;
  for (const DrawPart& part : parts) {
    asked += part.images;
    of += std::format("{}{} for {}", of.empty() ? "" : ", ", part.images, part.name);
  }
  if (asked >= labels.size()) {
    fail("{}: {} training images, expected more than {} ({}); shares such as \"10%\" fit any data set", origin,
         labels.size(), asked, of);
  }
  Quotas counts(classes.size());
  for (const Label label : labels) ++counts[label];
  const Wanted wanted = wanted_quotas(counts, parts, seed);
  Assignment draw;
  draw.part = groups.empty() ? draw_images(labels, wanted, seed) : draw_groups(labels, groups, counts, wanted, seed);
  draw.drawn = !groups.empty() ? "groups" : wanted.equal ? "" : "proportional";
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (parts[p].images == 0) continue;
    Quotas got(classes.size());
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (draw.part[i] != p + 1) continue;
      ++got[labels[i]];
      ++sum;
    }
    if (sum == 0) {
      fail("{}: no images for {}: expected groups small enough to give {} of {} training images", origin, parts[p].name,
           parts[p].images, labels.size());
    }
    std::vector<std::string> missing;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      if (got[c] == 0 && counts[c] > 0) {
        missing.push_back(std::format("{} ({} image{})", classes[c], counts[c], counts[c] == 1 ? "" : "s"));
      }
    }
    if (!missing.empty()) draw.notes.push_back(std::format("no image in {}: {}", parts[p].name, some_of(missing)));
  }
  return draw;
}

Splits make_splits(const Dataset& dataset, const SplitOptions& options) {
  const DatasetInfo& info = dataset.info();
  const bool own = info.validation_count > 0;
  const DrawPart parts[] = {{"route", options.route}, {"validation", own ? 0 : options.validation}};
  const auto groups = dataset.groups();
  const Assignment draw =
      draw_parts(dataset.labels().first(info.train_count), info.classes,
                 groups.first(std::min<std::size_t>(groups.size(), info.train_count)), parts, options.seed, info.name);
  Splits splits;
  splits.drawn = own ? draw.drawn + (draw.drawn.empty() ? "own validation" : ", own validation") : draw.drawn;
  splits.notes = draw.notes;
  for (std::uint32_t i = 0; i < info.train_count; ++i) {
    (draw.part[i] == 0 ? splits.train : draw.part[i] == 1 ? splits.route : splits.validation).push_back(i);
  }
  for (std::uint32_t i = info.train_count; i < info.test_first(); ++i) splits.validation.push_back(i);
  for (std::uint32_t i = info.test_first(); i < dataset.size(); ++i) splits.test.push_back(i);
  return splits;
}

std::optional<SplitSize> parse_split_size(const std::string& text) {
  const bool percent = text.ends_with('%');
  const char* end = text.data() + text.size() - (percent ? 1 : 0);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0)) return std::nullopt;
  if (percent) value /= 100;
  if (value < 1) return SplitSize{0, value};
  if (percent || value != std::floor(value) || value >= 1u << 30) return std::nullopt;
  return SplitSize{static_cast<std::uint32_t>(value), 0};
}

SplitOptions resolve_splits(const DatasetInfo& info, const std::optional<SplitSize>& route,
                            const std::optional<SplitSize>& validation, std::uint64_t seed) {
  const SplitOptions most;
  const auto resolve = [&](const std::optional<SplitSize>& wish, std::uint32_t limit) -> std::uint32_t {
    if (wish && wish->share <= 0) return wish->images;
    const double share = wish ? wish->share : 0.1;
    const auto images = static_cast<std::uint32_t>(std::max(1.0, std::round(share * info.train_count)));
    return wish ? images : std::min(images, limit);
  };
  return {resolve(route, most.route),
          info.validation_count > 0 ? info.validation_count : resolve(validation, most.validation), seed};
}

}  // namespace triage::data
