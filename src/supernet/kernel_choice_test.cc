// The choice with made-up times: nothing here is measured.
#include "supernet/kernel_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "core/system/cpu.h"
#include "core/test_support.h"
#include "supernet/kernels/conv3x3_bf16.h"

namespace triage::supernet {
namespace {

using testing::HasSubstr;

constexpr ConvolutionShape kLayer{512, 32, 32, 24, 64};

// Seconds by kernel: direct, Winograd, ATen. Counts its calls.
struct MadeUp {
  double seconds[3] = {3e-3, 2e-3, 1e-3};
  int* calls;
  double operator()(ConvKernel kernel, const ConvolutionShape&, ConvPass) const {
    ++*calls;
    return seconds[static_cast<int>(kernel)];
  }
};

class KernelChoiceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!conv3x3_bf16_supported()) GTEST_SKIP() << "this CPU has no choice: it lacks AVX512-BF16";
  }
  ConvKernel of(KernelChoice& choice, double direct, double winograd, double aten, const char* machine = "made up") {
    choice.measure(file_, machine, MadeUp{{direct, winograd, aten}, &calls_});
    return choice.of(kLayer, ConvPass::forward, 2);
  }
  TempDir directory_;
  fs::path file_ = directory_ / "kernels.json";
  int calls_ = 0;
};

TEST(KernelsFor, OursFor3x3AndDepthwiseAndATensForAllElse) {
  const bool bf16 = conv3x3_bf16_supported();
  const auto fp32 = std::vector{ConvKernel::aten_fp32};
  const std::vector<ConvolutionShape> others{{8, 16, 16, 32, 32, 1},
                                             {8, 16, 16, 32, 32, 1, 2},
                                             {8, 16, 16, 32, 32, 3, 2},
                                             {8, 16, 16, 32, 32, 3, 1, 8},
                                             {8, 16, 16, 32, 32, 13, 1, 32}};
  for (ConvolutionShape s : others) {
    EXPECT_EQ(kernels_for(s), bf16 ? std::vector({ConvKernel::aten_fp32, ConvKernel::aten}) : fp32);
    s.in_channels = 3;
    EXPECT_EQ(kernels_for(s), fp32);
    for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights})
      EXPECT_EQ(kernel_by_rule(s, pass), ConvKernel::aten_fp32);
  }
  if (bf16) {
    EXPECT_EQ(kernels_for(kLayer), std::vector({ConvKernel::direct, ConvKernel::winograd, ConvKernel::aten}));
    EXPECT_EQ(kernels_for({8, 16, 16, 3, 24}), std::vector{ConvKernel::direct});
    EXPECT_EQ(kernels_for({8, 1, 16, 24, 24}), std::vector({ConvKernel::direct, ConvKernel::aten}));
  }
  const ConvolutionShape depthwise{8, 16, 16, 32, 32, 3, 2, 32}, odd{8, 16, 16, 21, 21, 7, 1, 21};
  const auto ours = std::vector{ConvKernel::depthwise};
  EXPECT_EQ(kernels_for(depthwise), ours);
  EXPECT_EQ(kernels_for(odd), ours);
  EXPECT_EQ(kernel_by_rule(depthwise, ConvPass::backward_data), ConvKernel::depthwise);
  const CpuOverride only(kAvx512Build);
  EXPECT_EQ(kernels_for(kLayer), fp32);
  EXPECT_EQ(kernel_by_rule(kLayer, ConvPass::forward), ConvKernel::aten_fp32);
}

TEST(ClassText, RoundsChannelsAndLeavesOutTheBatch) {
  EXPECT_EQ(class_text({512, 32, 32, 3, 57}, ConvPass::forward), "3x3 3>64 32x32 forward");
  EXPECT_EQ(class_text({1, 8, 6, 193, 97, 5, 2, 1}, ConvPass::backward_data), "5x5 256>128 8x6 stride 2 backward-data");
  EXPECT_EQ(class_text({1, 8, 8, 13, 13, 3, 1, 13}, ConvPass::backward_weights),
            "3x3 16>16 8x8 groups 16 backward-weights");
  EXPECT_EQ(class_text({1, 8, 8, 20, 30, 3, 1, 10}, ConvPass::forward), "3x3 20>30 8x8 groups 10 forward");
}

TEST_F(KernelChoiceTest, TellsTheTimeThatMeasuringTakes) {
  KernelChoice choice;
  of(choice, 3e-3, 1e-3, 2e-3);
  const double once = choice.measuring_seconds();
  EXPECT_GT(once, 0);
  choice.of(kLayer, ConvPass::forward, 2);
  EXPECT_EQ(choice.measuring_seconds(), once) << "what is known is not measured again";
}

TEST_F(KernelChoiceTest, TheRuleDecidesUntilToldToMeasure) {
  KernelChoice choice;
  EXPECT_EQ(choice.of(kLayer, ConvPass::forward, 2), ConvKernel::winograd);
  EXPECT_EQ(choice.of(kLayer, ConvPass::backward_weights, 2), ConvKernel::direct);
  EXPECT_EQ(choice.choices(), Json::object());
}

TEST_F(KernelChoiceTest, TheFastestWinsAndTheRulesWhereNoneIsClearlyFaster) {
  for (const auto& [direct, winograd, aten, expected] :
       std::vector<std::tuple<double, double, double, ConvKernel>>{{3, 2, 1, ConvKernel::aten},
                                                                   {1, 2, 3, ConvKernel::direct},
                                                                   {3, 1, 2, ConvKernel::winograd},
                                                                   {3, 1, 0.98, ConvKernel::winograd},
                                                                   {3, 1, 0.96, ConvKernel::aten}}) {
    KernelChoice choice;
    fs::remove(file_);
    EXPECT_EQ(of(choice, direct, winograd, aten), expected) << direct << " " << winograd << " " << aten;
  }
}

TEST_F(KernelChoiceTest, WhatElseRunsMeanwhileIsWaitedFor) {
  int calls = 0;
  const auto disturbed = [&](ConvKernel kernel, const ConvolutionShape&, ConvPass) {
    ++calls;  // Winograd is the fastest, and mostly disturbed, each time in another way
    return kernel == ConvKernel::winograd ? (calls % 5 == 0 ? 1 : 10 + calls) : 3;
  };
  KernelChoice choice;
  choice.measure(file_, "made up", disturbed);
  EXPECT_EQ(choice.of(kLayer, ConvPass::forward, 2), ConvKernel::winograd);
  EXPECT_LT(calls, 80);
}

TEST_F(KernelChoiceTest, WrongSumsAreNeverTaken) {
  KernelChoice choice;
  EXPECT_EQ(of(choice, 3, 2, std::numeric_limits<double>::infinity()), ConvKernel::winograd);
  EXPECT_THAT(read_file(file_), HasSubstr("\"aten\": \"wrong sums\""));
  fs::remove(file_);
  KernelChoice other;
  EXPECT_EQ(of(other, 3, std::numeric_limits<double>::infinity(), 4), ConvKernel::direct);
}

TEST_F(KernelChoiceTest, IsMeasuredOnceForAMachineAThreadCountAndAClass) {
  KernelChoice first;
  EXPECT_EQ(of(first, 3, 2, 1), ConvKernel::aten);
  const int once = calls_;
  EXPECT_GT(once, 3);
  ConvolutionShape same = kLayer;
  same.batch = 7;
  same.out_channels = 56;
  EXPECT_EQ(first.of(same, ConvPass::forward, 2), ConvKernel::aten);
  EXPECT_EQ(calls_, once);
  KernelChoice second;  // another process, where other times would be found
  EXPECT_EQ(of(second, 1, 2, 3), ConvKernel::aten);
  EXPECT_EQ(calls_, once);
  EXPECT_EQ(second.of(kLayer, ConvPass::forward, 1), ConvKernel::direct);
  EXPECT_EQ(second.of(kLayer, ConvPass::backward_data, 2), ConvKernel::direct);
  KernelChoice other;
  EXPECT_EQ(of(other, 1, 2, 3, "another CPU"), ConvKernel::direct);
  KernelChoice third;
  EXPECT_EQ(of(third, 1, 2, 3), ConvKernel::aten);
  EXPECT_EQ(entries(directory_.path()), 2u);  // and the lock
}

TEST_F(KernelChoiceTest, WhatAnotherProcessRememberedMeanwhileHolds) {
  KernelChoice a, b;
  a.measure(file_, "made up", MadeUp{{3, 2, 1}, &calls_});
  b.measure(file_, "made up", MadeUp{{1, 2, 3}, &calls_});
  EXPECT_EQ(a.of(kLayer, ConvPass::forward, 2), ConvKernel::aten);
  EXPECT_EQ(b.of(kLayer, ConvPass::forward, 2), ConvKernel::aten);
}

TEST_F(KernelChoiceTest, ADamagedFileIsMeasuredAgainWithAWarning) {
  static std::vector<std::string> said;
  set_warning_sink([](const std::string& message) { said.push_back(message); });
  KernelChoice first;
  of(first, 3, 2, 1);
  const std::string whole = read_file(file_);
  int taken = 0;
  for (std::size_t at = 0; at < whole.size(); at += 13) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    KernelChoice again;
    taken += of(again, 1, 2, 3) == ConvKernel::aten;  // else by the times of now
    EXPECT_EQ(read_json(file_).at("version"), 1);
  }
  EXPECT_LT(taken, 10) << "spaces alone mean nothing";
  set_warning_sink(nullptr);
  ASSERT_FALSE(said.empty());
  EXPECT_THAT(said.front(), testing::AllOf(HasSubstr("kernels.json"), HasSubstr("kernels are measured again")));
}

TEST_F(KernelChoiceTest, WhereNothingCanBeRememberedTheRuleDecides) {
  const fs::path file = directory_ / "file";
  write_file_atomic(file, "no directory");
  file_ = file / "kernels.json";
  KernelChoice choice;
  EXPECT_EQ(of(choice, 3, 2, 1), ConvKernel::winograd);
  EXPECT_FALSE(choice.measures());
}

TEST_F(KernelChoiceTest, AResumedTrainingTakesWhatItBeganWith) {
  KernelChoice before;
  of(before, 3, 2, 1);
  const Json kept = before.choices();
  EXPECT_EQ(kept, Json({{"3x3 24>64 32x32 forward, 2 threads", "aten"}}));
  fs::remove(file_);
  KernelChoice after;
  after.measure(file_, "made up", MadeUp{{1, 2, 3}, &calls_});
  after.adopt(kept, "a.ckpt: kernels");
  EXPECT_EQ(after.of(kLayer, ConvPass::forward, 2), ConvKernel::aten);
  EXPECT_EQ(after.of(kLayer, ConvPass::backward_data, 2), ConvKernel::direct);
  EXPECT_EQ(after.of(kLayer, ConvPass::forward, 2), ConvKernel::aten) << "though the file was written meanwhile";
  KernelChoice moved;  // to where nothing is measured
  moved.adopt(kept, "a.ckpt: kernels");
  EXPECT_EQ(moved.of(kLayer, ConvPass::forward, 2), ConvKernel::aten);
  EXPECT_THAT(error_of([&] { moved.adopt({{"3x3", "fast"}}, "a.ckpt: kernels"); }),
              testing::AllOf(HasSubstr("a.ckpt: kernels"), HasSubstr("direct, winograd, aten or aten-fp32")));
}

TEST_F(KernelChoiceTest, ByRuleForAWhile) {
  kernel_choice().adopt({{"3x3 24>64 32x32 forward, 2 threads", "aten"}}, "test");
  {
    const KernelsByRule fixed(true);
    EXPECT_EQ(kernel_choice().of(kLayer, ConvPass::forward, 2), ConvKernel::winograd);
  }
  EXPECT_EQ(kernel_choice().of(kLayer, ConvPass::forward, 2), ConvKernel::aten);
  kernel_choice().forget();
}

}  // namespace
}  // namespace triage::supernet
