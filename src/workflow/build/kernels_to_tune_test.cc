#include "workflow/build/kernels_to_tune.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/test_support.h"
#include "data/import/import.h"
#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

TEST(KernelsToTune, OfAnArchitectureAreEachOnceInOrder) {
  // Two blocks whose layers behind the first are alike but for the size of their maps.
  const auto kernels = kernels_of_arch(plan::ArchSpec::parse("16,16,16-16"), {plan::Precision::int8}, 1);
  EXPECT_TRUE(std::ranges::is_sorted(kernels));
  EXPECT_EQ(std::ranges::adjacent_find(kernels), kernels.end());
  EXPECT_LT(kernels.size(), 5u);
  EXPECT_GE(kernels.size(), 2u);
}

TEST(KernelsToTune, EveryPrecisionHasItsOwn) {
  const plan::ArchSpec arch = plan::ArchSpec::parse("16-32");
  const std::size_t one = kernels_of_arch(arch, {plan::Precision::int8}, 1).size();
  EXPECT_EQ(kernels_of_arch(arch, {plan::Precision::int8, plan::Precision::fp32}, 1).size(), 2 * one);
}

TEST(KernelsToTune, OfASupernetAreThoseOfAllItsSubnets) {
  const TempDir run;
  const fs::path data = run / "d.tds";
  data::write_dataset(data::generate({.height = 32, .width = 32, .train_count = 40, .test_count = 4}), data);
  write_file_atomic(run / "config.toml",
                    "name = \"n\"\n[data]\nfile = \"" + data.string() + "\"\n[supernet]\nspace = \"8:16:8-16:32:8\"\n");
  const auto all = kernels_of_directory(run.path(), {plan::Precision::int8}, 1);
  for (const char* subnet : {"8-16", "16-32", "8-32", "16-24"}) {
    for (const compiler::KernelKey& key : kernels_of_arch(plan::ArchSpec::parse(subnet), {plan::Precision::int8}, 1))
      EXPECT_TRUE(std::ranges::binary_search(all, key)) << subnet << ": " << key.text();
  }
}

TEST(KernelsToTune, ADirectoryWithoutASupernetIsRefused) {
  const TempDir run;
  write_file_atomic(run / "config.toml", kTwoStages);
  EXPECT_THAT(error_of([&] { kernels_of_directory(run.path(), {plan::Precision::int8}, 1); }),
              testing::HasSubstr("expected a [supernet], found none"));
}

}  // namespace
}  // namespace triage::workflow
