// Random numbers that are the same on every machine and can be made anywhere from a seed and a name: no stream has
// to be stored or advanced, so resumed work draws what uninterrupted work would have drawn.
// Generator: splitmix64 (Steele, Lea, Flood 2014) seeding xoshiro256** (Blackman, Vigna 2018).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace triage {

// An independent seed for a purpose, e.g. derive_seed(seed, "augment", epoch).
std::uint64_t derive_seed(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0);

class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  std::uint64_t next();
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  std::uint32_t below(std::uint32_t n);                                       // [0, n), n > 0, no modulo bias
  double normal();

  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(static_cast<std::uint32_t>(i))]);
  }

 private:
  std::uint64_t state_[4];
};

std::vector<std::uint32_t> random_permutation(std::uint32_t n, std::uint64_t seed);

}  // namespace triage
