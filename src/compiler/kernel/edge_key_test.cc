#include "compiler/kernel/edge_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compiler_test_support.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

EdgeKey random_edge(Rng& rng) {
  const auto from = [&](int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); };
  EdgeKey key{.kind = static_cast<EdgeKind>(rng.below(6)),
              .precision = rng.below(2) == 0 ? plan::Precision::fp32 : plan::Precision::int8,
              .channels = from(1, 200),
              .height = from(1, 64),
              .width = from(1, 64)};
  key.stored = stored_channels(key.channels);
  if (key.kind == EdgeKind::head) key.classes = from(2, 1000);
  return key;
}

TEST(EdgeKey, TextsLeadBack) { expect_texts_lead_back<EdgeKey>(random_edge); }

TEST(EdgeKey, WhatNoKernelIsIsRefused) {
  for (const char* text :
       {"", "head", "head int8 60/64 4x4 classes 10 ", "feet int8 60/64 4x4", "head int8 65/64 4x4 classes 10",
        "head int8 0/64 4x4 classes 10", "head int8 -2147483648/64 4x4", "head int8 60/64 0x4", "head int8 60/64 4x-4",
        "head int8 60/64 4x4 classes 0", "head int8 060/64 4x4", "mean int8 60/64 4x4 classes -1",
        "mean int8 4000/2147483647 4x4", "mean int8 60/64 2147483647x4", "head int8 60/64 4x4 classes 2147483647"})
    EXPECT_THAT(error_of([&] { EdgeKey::parse(text); }),
                testing::HasSubstr(std::format("edge kernel: found '{}', expected", text)));
  EXPECT_THAT(error_of([] { EdgeKey::parse("head fp16 60/64 4x4 classes 10"); }), testing::HasSubstr("fp16"));
}

}  // namespace
}  // namespace triage::compiler
