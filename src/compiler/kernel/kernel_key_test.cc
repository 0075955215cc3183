#include "compiler/kernel/kernel_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compiler_test_support.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

TEST(KernelKey, TextsAreAsDocumented) {
  KernelKey key{.precision = plan::Precision::int8,
                .in_channels = 32,
                .out_channels = 64,
                .height = 16,
                .width = 12,
                .pool = true};
  EXPECT_EQ(key.text(), "int8 32->64 16x12 pool");
  key.threads = 2;
  EXPECT_EQ(key.text(), "int8 32->64 16x12 pool threads 2");
  key.pool = false, key.precision = plan::Precision::fp32;
  EXPECT_EQ(key.text(), "fp32 32->64 16x12 threads 2");
}

TEST(KernelKey, TextsLeadBack) {
  expect_texts_lead_back<KernelKey>([](Rng& rng) { return random_key(rng); });
}

TEST(KernelKey, WhatNoKernelHasIsRefused) {
  for (const char* text : {"",
                           "int8",
                           "int8 32->64",
                           "int8 32->64 16x16 ",
                           "int8 32->64 16x16  pool",
                           " int8 32->64 16x16",
                           "int8 0->64 16x16",
                           "int8 -3->64 16x16",
                           "int8 32->64 16x16 threads 0",
                           "int8 32->64 16x16 threads -4",
                           "int8 32->64 16x16 threads 1",
                           "int8 32->64 16x16 threads 65",
                           "int8 32->64 16x16 threads",
                           "int8 32->64 16x16 threads x",
                           "int8 032->64 16x16",
                           "int8 32->64 16x16 pools",
                           "int8 32-64 16x16",
                           "int8 32->64 16*16",
                           "int8 99999999999->64 16x16",
                           "int8 5000->64 16x16",
                           "int8 32->64 5000x16",
                           "int8 32->64 16x16 threads 2 pool"})
    EXPECT_THAT(error_of([&] { KernelKey::parse(text); }),
                testing::HasSubstr(std::format("kernel: found '{}', expected", text)));
  EXPECT_THAT(error_of([] { KernelKey::parse("fp16 32->64 16x16"); }),
              testing::AllOf(testing::HasSubstr("kernel 'fp16 32->64 16x16'"), testing::HasSubstr("fp16")));
}

TEST(KernelKey, ProductsAreThoseOfTheWholeMap) {
  const plan::ConvLayer layer{.in_channels = 8, .out_channels = 24, .height = 15, .width = 9};
  for (const int threads : {1, 2})
    EXPECT_EQ(kernel_key(layer, plan::Precision::fp32, threads).macs(), 9.0 * 8 * 24 * 15 * 9);
}

TEST(KernelKey, ChannelsAreStoredInMultiplesOfTheLanes) {
  for (const auto& [channels, stored] :
       {std::pair{1, 4}, {3, 4}, {4, 4}, {5, 16}, {16, 16}, {17, 32}, {32, 32}, {33, 48}, {4096, 4096}})
    EXPECT_EQ(stored_channels(channels), stored);
}

}  // namespace
}  // namespace triage::compiler
