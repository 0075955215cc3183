#include "compiler/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "compiler/compiler_test_support.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

CpuFeatures features_of(const char* name) { return target_from_name(name).features; }

TEST(Target, ACpuGetsTheBestOfWhichItHasEveryFlag) {
  for (const char* name : {"vnni", "avx512", "avx2", "sse4", "arm64", "arm64-plain"}) {
    const Target target = target_from_name(name);
    EXPECT_EQ(target_for(target.architecture, target.features), target);
    EXPECT_EQ(target_for(target.architecture, target.features | CpuFeatures{CpuFeature::avx512_bf16}), target);
  }
}

// Each flag of VNNI's list in turn is missing: AVX-512 where that does not need it, else what is below.
TEST(Target, OneFlagLessIsATargetLess) {
  for (const std::string& name : features_of("vnni").names()) {
    const CpuFeatures missing(std::set{name}), features = features_of("vnni") - missing;
    const char* expected = "none";
    for (const char* lesser : {"avx512", "avx2", "sse4"})
      if (expected == std::string("none") && (features_of(lesser) & missing) == CpuFeatures()) expected = lesser;
    if (expected == std::string("none"))
      EXPECT_THAT(error_of([&] { target_for("x86_64", features); }), testing::HasSubstr("expected x86_64 with SSE4.1"));
    else
      EXPECT_EQ(target_for("x86_64", features), target_from_name(expected)) << name;
  }
  EXPECT_EQ(target_for("aarch64", {CpuFeature::asimd, CpuFeature::fp}), target_from_name("arm64-plain"));
  EXPECT_THAT(error_of([] { target_for("riscv64", {CpuFeature::asimd, CpuFeature::sse4_1}); }),
              testing::HasSubstr("found a CPU of architecture 'riscv64'"));
}

TEST(Target, TextsAndNamesLeadBack) {
  std::set<std::string> texts, halide;
  for (const Target& target : every_target()) {
    EXPECT_EQ(target_from_text(target.text()), target);
    texts.insert(target.text());
    halide.insert(halide_target(target));
  }
  EXPECT_EQ(texts.size(), 6u);
  EXPECT_EQ(halide.size(), 6u);
  EXPECT_EQ(target_from_name("this"), this_cpu());
  EXPECT_TRUE(cpu_features().has(this_cpu().features));
}

// What Linux says of some CPUs: the flags that could matter.
TEST(Target, CpusOfBothMakersGetTheirs) {
  const std::set<std::string> nehalem{"pni", "ssse3", "sse4_1", "sse4_2", "popcnt"};
  std::set<std::string> haswell = nehalem;
  haswell.insert({"avx", "avx2", "f16c", "fma", "bmi1", "bmi2", "abm", "movbe"});
  std::set<std::string> skylake = haswell;
  skylake.insert({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  std::set<std::string> cascade_lake = skylake;
  cascade_lake.insert("avx512_vnni");
  std::set<std::string> zen4 = cascade_lake;
  zen4.insert({"avx512_bf16", "avx512_vbmi2", "avx512ifma", "avx512vbmi", "sse4a"});
  const std::pair<std::set<std::string>, const char*> expected[] = {
      {nehalem, "sse4"}, {haswell, "avx2"}, {skylake, "avx512"}, {cascade_lake, "vnni"}, {zen4, "vnni"}};
  for (const auto& [flags, name] : expected)
    EXPECT_EQ(target_for("x86_64", CpuFeatures(flags)), target_from_name(name)) << name;
}

// LLVM is told the architecture's base and the features, and no CPU model of which more would follow.
TEST(Target, LlvmIsToldTheFeaturesAlone) {
  EXPECT_EQ(llvm_target(target_from_name("avx2")).features, "+avx,+avx2,+f16c,+fma,+sse3,+sse4.1,+sse4.2,+ssse3");
  EXPECT_EQ(llvm_target(target_from_name("arm64")).features, "+neon,+dotprod,+fp-armv8");
  EXPECT_THAT(llvm_target(target_from_name("vnni")).features,
              testing::AllOf(testing::HasSubstr("+avx512vnni,"), testing::Not(testing::HasSubstr("vbmi"))));
  for (const Target& target : every_target()) {
    EXPECT_EQ(llvm_target(target).cpu, target.architecture == "x86_64" ? "x86-64" : "generic");
    EXPECT_EQ(std::ranges::count(llvm_target(target).features, '+'), std::ssize(target.features.names()))
        << target.text();
  }
}

TEST(Target, UnknownOnesAreRefused) {
  EXPECT_THAT(error_of([] { target_from_name("z80"); }),
              testing::AllOf(testing::HasSubstr("found 'z80'"),
                             testing::HasSubstr("this, vnni, avx512, avx2, sse4, arm64, arm64-plain")));
  EXPECT_THAT(error_of([] { target_from_text("x86_64 avx9"); }), testing::HasSubstr("found 'x86_64 avx9'"));
  Target changed = target_from_name("avx2");
  changed.features = changed.features - CpuFeatures{CpuFeature::ssse3};
  EXPECT_THAT(error_of([&] { halide_target(changed); }), testing::HasSubstr("expected one that Halide has"));
}

}  // namespace
}  // namespace triage::compiler
