#include "measure/energy/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "measure/energy/energy_test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

// A machine whose time and energy move only when it sleeps or works.
struct FakePowerMachine : EnergySource {
  double now = 0, joules = 0, idle_watts = 3, start = 0;
  std::vector<double> windows;
  std::vector<std::string> log;

  void spend(double seconds, double watts) {
    now += seconds;
    joules += seconds * watts;
  }
  EnergyTime time() {
    return {.now = [this] { return now; },
            .sleep =
                [this](double seconds) {
                  log.push_back(std::format("sleep {}", seconds));
                  spend(seconds, idle_watts);
                }};
  }
  // Run r takes 1 ms and watts(r) beyond the idle machine's.
  Callable work(std::function<double(std::size_t)> watts) {
    return [this, watts](std::size_t run) { spend(0.001, idle_watts + watts(run)); };
  }
  std::string name() const override { return "fake"; }
  std::string covers() const override { return "all of it"; }
  void begin() override {
    log.emplace_back("begin");
    start = joules;
  }
  void end() override { windows.push_back(joules - start); }
  std::vector<double> take_joules() override { return std::exchange(windows, {}); }
};

EnergyOptions short_windows() { return {.rest_seconds = 1, .idle_seconds = 2, .window_seconds = 0.5}; }

TEST(MeasureEnergy, IsNetOfTheIdleMachine) {
  FakePowerMachine machine;
  const auto measured =
      measure_energy({machine.work([](std::size_t) { return 7; }), machine.work([](std::size_t) { return 2; })},
                     short_windows(), machine, machine.time());
  ASSERT_EQ(measured.size(), 2u);
  EXPECT_NEAR(measured[0].gross_uj, 10'000, 1e-6);
  EXPECT_NEAR(measured[0].net_uj, 7000, 1e-6);
  EXPECT_NEAR(measured[1].gross_uj, 5000, 1e-6);
  EXPECT_NEAR(measured[1].net_uj, 2000, 1e-6);
  EXPECT_TRUE(measured[0].stable);
  EXPECT_EQ(measured[0].windows.size(), 3u);
  const cost::EnergyCost cost = measured[0].cost("fake");
  EXPECT_NEAR(cost.idle_watts, 3, 1e-9);
  EXPECT_NEAR(cost.window_seconds, 1.5, 0.01);
  EXPECT_NEAR(static_cast<double>(cost.runs), 1500, 3);
  EXPECT_EQ(cost.source, "fake");
  EXPECT_THAT(std::vector(machine.log.begin(), machine.log.begin() + 3),
              testing::ElementsAre("sleep 1", "begin", "sleep 2"));  // idle before any run
  EXPECT_EQ(std::ranges::count(machine.log, "begin"), 7);
}

TEST(MeasureEnergy, SaysWhenWindowsDisagree) {
  FakePowerMachine machine;
  const auto rising = measure_energy({machine.work([](std::size_t run) { return run > 1100 ? 9 : 7; })},
                                     short_windows(), machine, machine.time());
  EXPECT_FALSE(rising[0].stable);
  EXPECT_GT(rising[0].spread, 0.2);
  const auto unseen =
      measure_energy({machine.work([](std::size_t) { return -0.5; })}, short_windows(), machine, machine.time());
  EXPECT_NEAR(unseen[0].net_uj, -500, 1e-6);  // as measured, and not trusted
  EXPECT_FALSE(unseen[0].stable);
}

TEST(MeasureEnergy, AStopEndsItWithinAWindow) {
  FakePowerMachine machine;
  std::atomic<bool> stop = false;
  EnergyOptions options = short_windows();
  options.stop = StopToken(stop);
  std::size_t runs = 0;
  const Callable work = machine.work([&](std::size_t run) {
    runs = run + 1;
    stop = run == 20;
    return 7;
  });
  EXPECT_THROW(measure_energy({work}, options, machine, machine.time()), Interrupted);
  EXPECT_EQ(runs, 21u);
}

TEST(MeasureEnergy, RefusesOptionsThatMeasureNothing) {
  FakePowerMachine machine;
  const auto refusal = [&](const EnergyOptions& options) {
    return error_of([&] { measure_energy({}, options, machine, machine.time()); });
  };
  EXPECT_EQ(refusal({.windows = 2}), "measure energy: windows: found 2, expected more than 2");
  EXPECT_EQ(refusal({.idle_seconds = 0}), "measure energy: idle_seconds: found 0, expected more than 0");
  EXPECT_EQ(refusal({.window_seconds = -1}), "measure energy: window_seconds: found -1, expected more than 0");
}

TEST(FindEnergy, TellsWhyThereIsNone) {
  const FakeRoot root;
  const FoundEnergy found = find_energy("auto", root.places());
  EXPECT_EQ(found.source, nullptr);
  EXPECT_THAT(found.text, testing::StartsWith("not available: rapl: "));
  for (const char* reason :
       {"sys/class/powercap: cannot list: No such file or directory; perf: ",
        "devices/power/type: cannot open: No such file or directory; ina: ",
        "expected a sensor named ina3221 with a rail, found none; pmic: ", "no-such-vcgencmd: no such command"}) {
    EXPECT_THAT(found.text, HasSubstr(reason));
  }
  EXPECT_THAT(error_of([&] { find_energy("ina", root.places()); }), HasSubstr("energy source ina: not available: "));
  for (const char* which : {"sun", "csv:", ""}) {
    EXPECT_THROW(find_energy(which, root.places()), UsageError);
  }
}

TEST(FindEnergy, TakesTheFirstThatIsThere) {
  FakeRoot root;
  EnergyPlaces places = root.places();
  places.pmic_command = "echo VDD_A 'current(1)=2A'; echo VDD_V 'volt(1)=3V'";
  EXPECT_EQ(find_energy("auto", places).text, "pmic: all rails of the PMIC; no USB, no losses before it");
  root.write("sys/class/powercap/intel-rapl:0/name", "package-0");
  root.write("sys/class/powercap/intel-rapl:0/energy_uj", "5");
  root.write("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
  EXPECT_EQ(find_energy("auto", places).source->name(), "rapl");
  EXPECT_EQ(find_energy("pmic", places).source->name(), "pmic");
  EXPECT_EQ(find_energy("csv:" + (root / "m.csv").string(), places).source->name(), "csv");
}

}  // namespace
}  // namespace triage::measure
