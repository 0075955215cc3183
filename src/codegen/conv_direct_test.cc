// What direct kernels look like once Halide has lowered them; conv_kernels_test.cc has what they compute.
#include <gtest/gtest.h>

#include "codegen/codegen_test_support.h"
#include "codegen/with_halide.h"
#include "core/files/file.h"
#include "core/test_support.h"

namespace triage::codegen {
namespace {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

// Weights are packed so that each vector of them is one load. Halide's simplifier must see that: a gather, byte by
// byte, computes the same eight times as slowly.
void expect_whole_loads(plan::Precision precision, const Target& target) {
  const TempDir directory;
  for (const int vectors : {1, 2, 3, 4})
    for (const auto order : {LoopOrder::channels_outside, LoopOrder::pixels_outside})
      for (const auto share : {Share::rows, Share::channels}) {
        const KernelKey key{precision, 40, 24 * kLanes, 4, 4, false, 2};
        const Schedule schedule{.vectors = vectors, .columns = 2, .rows = 2, .order = order, .share = share};
        KernelCode code = conv_code(key, schedule, target);
        const fs::path file = directory.path() / "kernel.stmt";
        code.output.compile_to_lowered_stmt(file.string(), code.inputs, Halide::Text, machine_of(this_cpu(), code));
        const std::string text = read_file(file);
        const std::string_view load = "weights[", whole = "weights[ramp(";
        int loads = 0;
        for (auto at = text.find(load); at != text.npos; at = text.find(load, at + 1), ++loads)
          EXPECT_EQ(text.substr(at, whole.size()), whole) << key.text() << ", " << schedule.text();
        EXPECT_GE(loads, vectors) << key.text() << ", " << schedule.text();
      }
}

TEST(ConvDirect, LoadsWeightsAsWholeVectors) {
  expect_whole_loads(plan::Precision::fp32, this_cpu());
  for (const auto dot : {DotProduct::none, DotProduct::u8_s8, DotProduct::s8_s8})
    expect_whole_loads(plan::Precision::int8, with_dots(dot));
}

}  // namespace
}  // namespace triage::codegen
