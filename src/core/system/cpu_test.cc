#include "core/system/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/system/cpu_test_support.h"

namespace triage {
namespace {

using testing::ElementsAre;
using enum CpuFeature;

// The kernel asks the CPU for itself.
TEST(Cpu, HasWhatTheSystemSaysItHas) {
  const std::set<std::string> flags = cpu_flags();
  ASSERT_FALSE(flags.empty());
  EXPECT_EQ(cpu_features().names(), CpuFeatures(flags).names());
}

TEST(Cpu, SetsOfFeatures) {
  const CpuFeatures two{avx2, fma};
  EXPECT_TRUE(two.has(avx2));
  EXPECT_FALSE(two.has(avx));
  EXPECT_TRUE(two.has(CpuFeatures{fma}));
  EXPECT_TRUE(two.has(CpuFeatures()));
  EXPECT_FALSE(two.has(CpuFeatures{fma, f16c}));
  EXPECT_EQ(two | CpuFeatures{asimddp}, (CpuFeatures{asimddp, avx2, fma}));
  EXPECT_EQ(two & (CpuFeatures{asimddp, fma}), CpuFeatures{fma});
  EXPECT_EQ(two - CpuFeatures{fma}, CpuFeatures{avx2});
}

TEST(Cpu, NamesAreThoseOfTheSystem) {
  EXPECT_THAT((CpuFeatures{avx512bw, avx512_vnni, pni}).names(), ElementsAre("avx512_vnni", "avx512bw", "pni"));
  EXPECT_EQ(CpuFeatures({"pni", "avx512_vnni", "avx512bw", "fpu", "no_such_flag"}),
            (CpuFeatures{avx512bw, avx512_vnni, pni}));
  for (int i = 0; i < kCpuFeatures; ++i) {
    const CpuFeatures one{static_cast<CpuFeature>(i)};
    ASSERT_EQ(one.names().size(), 1u);
    EXPECT_EQ(CpuFeatures({one.names()[0]}), one);
  }
}

TEST(Cpu, AnOverrideTakesFeaturesAwayForItsTime) {
  const CpuFeatures here = cpu_features();
  for (const CpuFeatures& cpu : cpus_here()) {
    const CpuOverride only(cpu);
    EXPECT_EQ(cpu_features(), cpu);
  }
  {
    const CpuOverride other(CpuFeatures{avx512_bf16, asimddp, avx2});  // none that the machine does not have
    EXPECT_EQ(cpu_features(), here & (CpuFeatures{avx512_bf16, asimddp, avx2}));
  }
  EXPECT_EQ(cpu_features(), here);
}

}  // namespace
}  // namespace triage
