// SearchSpace: all the ArchSpecs that one weight-sharing network holds.
//
// Text form: an ArchSpec's, where a layer may be a range of widths and may be optional.
//   24                       this width only
//   16:192:16                16, 32, ... 192
//   64:192:16?               the same, and subnets may leave out this layer and those behind it in its block
// "16:24:8-16:64:8,16:64:8?-48:192:16" has subnets such as "24-64-48" and "16-32,64-192". A plain ArchSpec is a space
// of one. The first layer of a block is never optional.
//
// Slicing is contiguous: a narrower layer is the first channels of the wider one, so that every subnet is a plain dense
// net of its own (Yu, Huang 2019, "Universally Slimmable Networks"; Cai et al. 2020, "Once for All", for depth).
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "plan/arch.h"

namespace triage::plan {

struct LayerSpace {
  int low = 0, high = 0, step = 1;  // widths low, low + step, ... high
  bool optional = false;
  int choices() const { return (high - low) / step + 1; }
  bool has(int width) const { return width >= low && width <= high && (width - low) % step == 0; }
  bool operator==(const LayerSpace&) const = default;
};

struct SearchSpace {
  std::vector<std::vector<LayerSpace>> blocks;

  static SearchSpace parse(std::string_view text);  // throws Error with the text and the offending part
  static SearchSpace only(const ArchSpec& arch);    // the space of one
  std::string text() const;

  std::size_t min_depth(std::size_t block) const;  // layers of it that every subnet has
  int widest_end(std::size_t block) const;         // largest width that the block can hand over

  ArchSpec largest() const;   // all layers at their widest
  ArchSpec smallest() const;  // optional layers left out, the others at their narrowest
  // Depth of every block, then every width: uniform and independent.
  ArchSpec sample(Rng& rng) const;
  // A size is drawn first, uniformly, then depths and widths around it: small and large subnets come up as often as
  // those between, which sample() hardly leaves.
  ArchSpec sample_sized(Rng& rng) const;
  ArchSpec sample_near(double size, Rng& rng) const;  // around one from 0, the smallest, to 1, the largest
  // The first `count` different ones that a seed draws; all of them where there are no more.
  std::vector<ArchSpec> sample_distinct(std::size_t count, std::uint64_t seed) const;
  // Throws Error that names both and the first place where `arch` leaves the space.
  void check(const ArchSpec& arch) const;
  // One layer some steps wider or narrower, or one optional layer more or less.
  ArchSpec step(const ArchSpec& arch, Rng& rng) const;
  // The subnet that begins with `arch` and is as small as possible behind it.
  ArchSpec complete(const ArchSpec& arch) const;
  double subnets() const;  // how many there are; a double, as they are many
  bool operator==(const SearchSpace&) const = default;
};

// The first `count` different ones that a seed draws from a space of any kind; all of them where there are no more.
template <class Arch, class Space>
std::vector<Arch> distinct_samples(const Space& space, std::size_t count, std::uint64_t seed) {
  Rng rng(derive_seed(seed, "random subnets"));
  count = static_cast<std::size_t>(std::min(space.subnets(), static_cast<double>(count)));
  std::vector<Arch> chosen;
  std::set<std::string> seen;
  while (chosen.size() < count) {
    Arch arch = space.sample(rng);
    if (seen.insert(arch.text()).second) chosen.push_back(std::move(arch));
  }
  return chosen;
}

}  // namespace triage::plan
