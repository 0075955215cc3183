#include "core/system/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;

constexpr const char* kSecond = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

// A machine of 8 processors, of which the affinity mask allows all but where a test says otherwise.
class LimitsTest : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    const fs::path path = directory_.path() / file;
    fs::create_directories(path.parent_path());
    write_file_atomic(path, text);
  }
  void mount(const std::string& lines, const std::string& memberships) {
    write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + lines);
    write("proc/self/cgroup", memberships);
  }
  CpuLimit cpus(int allowed = 8) const {
    return cpu_limit({.root = directory_.path(), .allowed = allowed, .online = 8});
  }
  void expect_cpus(const CpuLimit& found, int count, const std::string& why) const {
    EXPECT_EQ(found.count, count);
    EXPECT_EQ(found.why, why);
  }
  MemoryLimit memory() const { return memory_limit({.root = directory_.path()}); }

  TempDir directory_;
};

TEST_F(LimitsTest, WithoutControlGroupsTheAffinityCounts) {
  expect_cpus(cpus(), 8, "all of the machine's");
  expect_cpus(cpus(3), 3, "affinity");
  mount(kSecond, "0::/\n");
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  expect_cpus(cpus(3), 3, "affinity");
}

TEST_F(LimitsTest, AQuotaIsRoundedUp) {
  mount(kSecond, "0::/a/b\n");
  write("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  expect_cpus(cpus(), 2, "quota of 1.5 in /sys/fs/cgroup/a/b/cpu.max");
  expect_cpus(cpus(1), 1, "affinity");
  write("sys/fs/cgroup/a/b/cpu.max", "20000 100000\n");
  expect_cpus(cpus(), 1, "quota of 0.2 in /sys/fs/cgroup/a/b/cpu.max");
  write("sys/fs/cgroup/a/b/cpu.max", "750000 100000\n");  // more than seven
  expect_cpus(cpus(), 8, "all of the machine's");
}

TEST_F(LimitsTest, TheLeastOfAllGroupsAbove) {
  mount(kSecond, "0::/a/b\n");
  write("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  write("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  write("sys/fs/cgroup/cpu.max", "700000 100000\n");
  expect_cpus(cpus(), 3, "quota of 3 in /sys/fs/cgroup/a/cpu.max");
}

TEST_F(LimitsTest, VersionOneHasAMountForAController) {
  mount(
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 /docker/f00 /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
      "36 31 0:33 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
      "4:memory:/docker/f00/job\n3:cpu,cpuacct:/job\n2:cpuset:/\n0::/\n");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
  expect_cpus(cpus(), 8, "all of the machine's");
  write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n");
  expect_cpus(cpus(), 4, "quota of 4 in /sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us");

  write("sys/fs/cgroup/mem ory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  write("sys/fs/cgroup/mem ory/memory.usage_in_bytes", "0\n");
  write("sys/fs/cgroup/mem ory/job/memory.limit_in_bytes", "3221225472\n");
  write("sys/fs/cgroup/mem ory/job/memory.usage_in_bytes", "2147483648\n");
  write("sys/fs/cgroup/mem ory/job/memory.stat", "cache 7\ninactive_file 5\ntotal_inactive_file 1073741824\n");
  EXPECT_EQ(memory().bytes, 2147483648U);
  EXPECT_EQ(memory().why, "free of the 3.0 GiB in /sys/fs/cgroup/mem ory/job/memory.limit_in_bytes");
}

TEST_F(LimitsTest, AContainerSeesItsOwnGroupAtTheMount) {
  mount("41 31 0:38 /kubepods/pod7 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/elsewhere/pod7\n");
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  expect_cpus(cpus(), 2, "quota of 2 in /sys/fs/cgroup/cpu.max");
}

TEST_F(LimitsTest, DamagedFilesLimitNothing) {
  mount(kSecond, "0::/\nnothing\n:\n");
  for (const char* text : {"", "\n", "100000\n", "100000 0\n", "x y\n", "0 100000\n", "-5 100000\n"}) {
    write("sys/fs/cgroup/cpu.max", text);
    expect_cpus(cpus(), 8, "all of the machine's");
  }
  write("proc/self/mountinfo", "1 2 3\n - \n4 5 6 7 8 - \ncgroup2\n");
  expect_cpus(cpus(), 8, "all of the machine's");
  EXPECT_EQ(memory().why, "");
}

TEST_F(LimitsTest, MemoryIsWhatIsFree) {
  write("proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:   8388608 kB\nSwapFree: 1048576 kB\n");
  EXPECT_EQ(memory().bytes, std::uint64_t{9} << 30);
  EXPECT_EQ(memory().why, "free of the machine's 16.0 GiB");
  mount(kSecond, "0::/job\n");
  write("sys/fs/cgroup/job/memory.max", "max\n");
  write("sys/fs/cgroup/job/memory.current", "4096\n");
  EXPECT_EQ(memory().bytes, std::uint64_t{9} << 30);
  write("sys/fs/cgroup/job/memory.max", "2147483648\n");
  write("sys/fs/cgroup/job/memory.current", "1610612736\n");
  write("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 104857600\n");
  EXPECT_EQ(memory().bytes, 641728512U);
  EXPECT_EQ(memory().why, "free of the 2.0 GiB in /sys/fs/cgroup/job/memory.max");
}

TEST_F(LimitsTest, WhatDoesNotFitIsRefusedByName) {
  const LimitSources here{.root = directory_.path()};
  require_memory("the pixels", std::uint64_t{1} << 50, here);  // the system does not tell
  write("proc/meminfo", "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n");
  require_memory("the pixels", 1 << 30, here);
  EXPECT_EQ(error_of([&] { require_memory("d.tds: the pixels of 9 images", (1 << 30) + 1, here); }),
            "d.tds: the pixels of 9 images: needs 1.0 GiB of memory, found 1.0 GiB free of the machine's 2.0 GiB");
}

TEST(Limits, OfThisMachine) {
  const CpuLimit limit = cpu_limit();
  EXPECT_GE(limit.count, 1);
  EXPECT_LE(limit.count, ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_FALSE(limit.why.empty());
  EXPECT_EQ(cpu_limit({.root = "/nowhere", .allowed = 1}).count, 1);
  EXPECT_EQ(thread_count(3), 3);
  for (const int all : {0, -1}) EXPECT_EQ(thread_count(all), limit.count);
}

TEST(Limits, SizesAreReadable) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1023), "1023 bytes");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(std::uint64_t{3} << 30), "3.0 GiB");
  EXPECT_EQ(size_text(~std::uint64_t{0}), "16.0 EiB");
}

}  // namespace
}  // namespace triage
