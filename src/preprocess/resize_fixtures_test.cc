// Against what Pillow and OpenCV made of images (tests/fixtures/make_resize.py).
#include <gtest/gtest.h>

#include "core/system/cpu_test_support.h"
#include "core/system/process.h"
#include "core/test_support.h"
#include "preprocess/resize_fixtures_test_support.h"

namespace triage::preprocess {
namespace {

TEST(ResizeFixtures, PillowToTheBitAndOpencvToOneLevel) {
  for (const CpuFeatures cpu : cpus_here()) {
    const CpuOverride as(cpu);
    const Difference difference = difference_from(fs::path(TRIAGE_FIXTURES) / "resize");
    EXPECT_EQ(difference.cases, 64);
    EXPECT_EQ(difference.pillow, 0);
    EXPECT_LE(difference.opencv, 1);
  }
}

// Larger images of many sizes, where python3-pil is installed.
TEST(ResizeFixtures, PillowOfThisMachine) {
  const TempDir directory;
  const ProcessResult made =
      run_process({.command = {"/usr/bin/python3", std::string(TRIAGE_FIXTURES) + "/make_resize.py",
                               (directory / "resize").string(), "--random", "7"}});
  if (made.exit_code == 77) GTEST_SKIP() << "python3-pil is not installed";
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  const Difference difference = difference_from(directory / "resize");
  EXPECT_EQ(difference.cases, 64);
  EXPECT_EQ(difference.pillow, 0);
}

}  // namespace
}  // namespace triage::preprocess
