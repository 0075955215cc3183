// For the tests of this module: random kernels, texts with something wrong.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/kernel/kernel_key.h"
#include "compiler/target.h"
#include "core/rng.h"
#include "core/test_support.h"

namespace triage::compiler {

// As nets have them: some shared by threads, some sizes odd.
inline KernelKey random_key(Rng& rng, plan::Precision precision) {
  const auto from = [&](int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); };
  plan::ConvLayer layer{.in_channels = from(1, 80), .out_channels = from(1, 80), .height = from(1, 34)};
  layer.width = from(1, 34);
  layer.pool = layer.height > 1 && layer.width > 1 && rng.below(2) == 0;
  return kernel_key(layer, precision, from(1, 5));
}
inline KernelKey random_key(Rng& rng) {
  return random_key(rng, rng.below(2) == 0 ? plan::Precision::fp32 : plan::Precision::int8);
}

inline std::string damaged(std::string text, Rng& rng) {
  constexpr std::string_view kLetters = "0123456789 ->x/+-pool threads%\t";
  const auto at = [&] { return rng.below(static_cast<std::uint32_t>(text.size())); };
  for (std::uint32_t changes = 1 + rng.below(3); changes > 0 && !text.empty(); --changes) {
    const char letter = kLetters[rng.below(kLetters.size())];
    switch (rng.below(3)) {
      case 0:
        text[at()] = letter;
        break;
      case 1:
        text.erase(at(), 1);
        break;
      default:
        text.insert(text.begin() + at(), letter);
    }
  }
  return text;
}

// The texts of random() lead back to what they are of; whatever is let through of damaged ones is what its text says.
template <class T, class Random>
void expect_texts_lead_back(const Random& random) {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const T value = random(rng);
    EXPECT_EQ(T::parse(value.text()), value) << value.text();
  }
  for (int i = 0; i < 5000; ++i) {
    const std::string text = damaged(random(rng).text(), rng);
    std::string again = text;
    const std::string error = error_of([&] { again = T::parse(text).text(); });
    EXPECT_EQ(again, text);
    EXPECT_THAT(error, testing::AnyOf("no error", testing::HasSubstr("found '")));
  }
}

inline std::vector<Target> every_target() {
  std::vector<Target> targets;
  for (const char* name : {"vnni", "avx512", "avx2", "sse4", "arm64", "arm64-plain"})
    targets.push_back(target_from_name(name));
  return targets;
}

inline std::vector<Target> targets_here() {  // that this CPU runs
  std::vector<Target> targets;
  for (const Target& target : every_target()) {
    try {
      check_runs_here(target);
      targets.push_back(target);
    } catch (const Error&) {  // of another CPU
    }
  }
  return targets;
}

}  // namespace triage::compiler
