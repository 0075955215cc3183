#include "measure/energy/energy_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "measure/energy/energy_test_support.h"
#include "measure/energy/energy_text.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

// Two sockets, each with the cores below it, and the platform that holds all of it.
class Rapl : public testing::Test {
 protected:
  void SetUp() override {
    zone("intel-rapl:0", "package-0", "1000000");
    zone("intel-rapl:0:0", "core", "500000");
    zone("intel-rapl:1", "package-1", "2000000");
    zone("intel-rapl:2", "psys", "9000000");
    zone("intel-rapl-mmio:0", "package-0", "1000000");
    root_.write("sys/class/powercap/intel-rapl/enabled", "1");
  }
  void zone(const std::string& id, const std::string& name, const std::string& uj) {
    root_.write("sys/class/powercap/" + id + "/name", name);
    root_.write("sys/class/powercap/" + id + "/max_energy_range_uj", "262143328850");
    set(id, uj);
  }
  void set(const std::string& id, const std::string& uj) { root_.write("sys/class/powercap/" + id + "/energy_uj", uj); }
  FakeRoot root_;
};

TEST_F(Rapl, SumsPackagesAndNothingTwice) {
  const auto source = open_rapl(root_.places());
  EXPECT_EQ(source->name(), "rapl");
  EXPECT_EQ(source->covers(), "CPU packages (package-0, package-1); no memory, no board");
  const double joules = window_joules(*source, [&] {
    set("intel-rapl:0", "1300000");
    set("intel-rapl:0:0", "700000");
    set("intel-rapl:1", "2050000");
    set("intel-rapl:2", "9900000");
  });
  EXPECT_NEAR(joules, 0.35, 1e-9);
}

TEST_F(Rapl, WrapsAtItsRange) {
  const auto source = open_rapl(root_.places());
  set("intel-rapl:0", "262143000000");
  EXPECT_NEAR(window_joules(*source, [&] { set("intel-rapl:0", "100000"); }), 0.42885, 1e-9);
}

TEST_F(Rapl, AJumpIsNoNumber) {
  const auto source = open_rapl(root_.places());
  const std::string back = error_of([&] { window_joules(*source, [&] { set("intel-rapl:1", "1000000"); }); });
  EXPECT_THAT(back, HasSubstr("intel-rapl:1/energy_uj: found a jump from 2.000000 to 1.000000 J within 0.0"));
  EXPECT_THAT(back, HasSubstr("expected it to grow by 0 to 1000 W, or to begin at 0 again after 262143.328850 J"));
  const std::string up = error_of([&] { window_joules(*source, [&] { set("intel-rapl:1", "90000000000"); }); });
  EXPECT_THAT(up, HasSubstr("found a jump from 1.000000 to 90000.000000 J"));
  const std::string text = error_of([&] { window_joules(*source, [&] { set("intel-rapl:1", "none"); }); });
  EXPECT_THAT(text, HasSubstr("intel-rapl:1/energy_uj: found 'none', expected a number of 0 or more"));
}

TEST_F(Rapl, SaysWhyItMayNotBeRead) {
  const fs::path file = root_ / "sys/class/powercap/intel-rapl:0/energy_uj";
  fs::permissions(file, fs::perms::owner_read);
  const uid_t user = ::geteuid();
  if (user == 0) {
    const fs::perms list = fs::perms::group_read | fs::perms::group_exec;  // the group stays root's
    fs::permissions(root_.places().root, list, fs::perm_options::add);
    ASSERT_EQ(::seteuid(65534), 0);  // root may read anything: be somebody else for a moment
  } else {
    fs::permissions(file, fs::perms::none);
  }
  const std::string refusal = error_of([&] { open_rapl(root_.places()); });
  ASSERT_EQ(::seteuid(user), 0);
  EXPECT_THAT(refusal, HasSubstr("intel-rapl:0/energy_uj: cannot open: Permission denied: only root may read it"));
}

TEST(RaplAbsent, SaysWhatIsMissing) {
  const FakeRoot root;
  EXPECT_THAT(error_of([&] { open_rapl(root.places()); }), HasSubstr("sys/class/powercap: cannot list: No such file"));
  root.write("sys/class/powercap/dtpm/name", "dtpm");
  EXPECT_THAT(error_of([&] { open_rapl(root.places()); }),
              HasSubstr("sys/class/powercap: expected a zone intel-rapl:N of a package, found none"));
}

TEST(CountedJoules, HoldsTheLimits) {
  const EnergyCounter wrapping{.name = "w", .range = 65'532}, straight{.name = "s"};
  EXPECT_DOUBLE_EQ(counted_joules(wrapping, 10, 30, 2), 20);
  EXPECT_DOUBLE_EQ(counted_joules(wrapping, 65'530, 8, 2), 10);
  EXPECT_THAT(error_of([&] { counted_joules(wrapping, 30'000, 10, 2); }), HasSubstr("found a jump"));
  EXPECT_THAT(error_of([&] { counted_joules(straight, 30, 29.9, 2); }), HasSubstr("found a jump"));
  EXPECT_THAT(error_of([&] { counted_joules(straight, 0, 2100, 2); }), HasSubstr("found a jump"));
  EXPECT_DOUBLE_EQ(counted_joules(straight, 0, 1900, 2), 1900);
  EXPECT_THAT(error_of([&] { counted_joules(wrapping, 10, 30, 70); }),
              HasSubstr("found a window of 70.0 s, expected less than 65.5 s"));
}

// The kernel's cpu-clock, which counts ns, stands in for the energy: 1 "W" by the real system call.
class Perf : public testing::Test {
 protected:
  void SetUp() override {
    write("type", "1");
    write("cpumask", "0");
    write("events/energy-pkg", "event=0x00");
    write("events/energy-pkg.scale", "1.0e-9");
    write("events/energy-pkg.unit", "Joules");
  }
  void write(const std::string& file, const std::string& text) {
    root_.write("sys/bus/event_source/devices/power/" + file, text);
  }
  std::string refusal() {
    return error_of([&] { open_perf(root_.places()); });
  }
  FakeRoot root_;
};

TEST_F(Perf, ScalesWhatTheKernelCounts) {
  std::unique_ptr<EnergySource> source;
  const std::string refused = error_of([&] { source = open_perf(root_.places()); });
  if (!source) {  // a container may forbid the call
    EXPECT_THAT(refused, HasSubstr("power/energy-pkg/: cannot open on cpu 0: "));
    GTEST_SKIP() << refused;
  }
  EXPECT_EQ(source->covers(), "1 CPU package(s); no memory, no board");
  const double start = steady_seconds();
  const double joules = window_joules(*source, [] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
  const double seconds = steady_seconds() - start;
  EXPECT_GT(joules, 0.02);
  EXPECT_LT(joules, seconds * 1.01);
}

TEST_F(Perf, RefusesWhatItDoesNotKnow) {
  write("events/energy-pkg.unit", "Watts");
  EXPECT_THAT(refusal(), HasSubstr("energy-pkg.unit: found 'Watts', expected Joules"));
  write("events/energy-pkg.unit", "Joules");
  for (const char* event : {"event=0x02,umask=1", "event=", "config=1", ""}) {
    write("events/energy-pkg", event);
    EXPECT_THAT(refusal(), HasSubstr(std::format("energy-pkg: found '{}', expected event=0x", event)));
  }
  write("events/energy-pkg", "event=0x00");
  write("events/energy-pkg.scale", "little");
  EXPECT_THAT(refusal(), HasSubstr("energy-pkg.scale: found 'little', expected a number"));
}

TEST_F(Perf, OpensOneCounterForEachCpuOfTheMask) {
  for (const char* mask : {"", "0,", "-1", "3-1", "a", "0;1", "99999999"}) {
    write("cpumask", mask);
    EXPECT_THAT(refusal(), HasSubstr(std::format("cpumask: found '{}', expected a list of CPUs", mask)));
  }
  write("cpumask", "0,28-30,5");
  EXPECT_THAT(cpu_list(root_ / "sys/bus/event_source/devices/power/cpumask"), testing::ElementsAre(0, 28, 29, 30, 5));
  EXPECT_THAT(error_of([] { open_perf(FakeRoot().places()); }), HasSubstr("devices/power/type: cannot open: No such"));
}

}  // namespace
}  // namespace triage::measure
