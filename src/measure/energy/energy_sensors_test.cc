#include "measure/energy/energy_sensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "measure/energy/energy_test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void add_channel(const FakeRoot& root, const std::string& sensor, int i, const std::string& label, int mv, int ma) {
  const std::string directory = "sys/class/hwmon/" + sensor + "/";
  root.write(directory + "name", "ina3221");
  root.write(directory + std::format("in{}_label", i), label);
  root.write(directory + std::format("in{}_input", i), std::to_string(mv));
  root.write(directory + std::format("curr{}_input", i), std::to_string(ma));
}

// J of a window over its seconds.
double mean_watts(EnergySource& source, int milliseconds = 200) {
  double seconds = 0;
  const double joules = window_joules(source, [&] {
    const double start = steady_seconds();
    nap(milliseconds);
    seconds = steady_seconds() - start;
  });
  return joules / seconds;
}

TEST(Ina, TakesTheInputRailAlone) {
  const FakeRoot root;
  root.write("sys/class/hwmon/hwmon0/name", "cpu_thermal");
  add_channel(root, "hwmon3", 1, "VDD_IN", 5000, 1200);
  add_channel(root, "hwmon3", 2, "VDD_CPU_GPU_CV", 5000, 400);
  add_channel(root, "hwmon3", 3, "VDD_SOC", 5000, 300);
  const auto source = open_ina(root.places());
  EXPECT_EQ(source->covers(), "rails VDD_IN");
  EXPECT_NEAR(mean_watts(*source), 6, 0.1);
}

TEST(Ina, SumsRailsWhereNoInputIsMeasured) {
  const FakeRoot root;
  add_channel(root, "hwmon3", 1, "VDD_GPU_SOC", 10000, 500);
  add_channel(root, "hwmon3", 2, "VDD_CPU_CV", 10000, 200);
  add_channel(root, "hwmon3", 3, "VIN_SYS_5V0", 5000, 1000);
  add_channel(root, "hwmon4", 1, "NC", 0, 0);
  add_channel(root, "hwmon4", 2, "VDDQ_VDD2_1V8AO", 5000, 100);
  add_channel(root, "hwmon4", 3, "OFF", 5000, 100);
  root.write("sys/class/hwmon/hwmon4/in3_enable", "0");
  const auto source = open_ina(root.places());
  EXPECT_EQ(source->covers(), "rails VDD_GPU_SOC, VDD_CPU_CV, VIN_SYS_5V0");
  EXPECT_NEAR(mean_watts(*source), 12, 0.2);
}

TEST(Ina, ReadsTheOlderDriver) {
  const FakeRoot root;
  const std::string directory = "sys/bus/iio/devices/iio:device0/";
  root.write(directory + "name", "ina3221x");
  root.write(directory + "rail_name_0", "POM_5V_IN");
  root.write(directory + "in_power0_input", "2500");
  root.write(directory + "rail_name_1", "POM_5V_GPU");
  root.write(directory + "in_power1_input", "900");
  const auto source = open_ina(root.places());
  EXPECT_EQ(source->covers(), "rails POM_5V_IN");
  EXPECT_NEAR(mean_watts(*source), 2.5, 0.05);
}

TEST(Ina, SaysWhatIsMissing) {
  const FakeRoot root;
  root.write("sys/class/hwmon/hwmon0/name", "coretemp");
  EXPECT_THAT(error_of([&] { open_ina(root.places()); }),
              HasSubstr("expected a sensor named ina3221 with a rail, found none"));
  add_channel(root, "hwmon1", 1, "VDD_IN", 5000, -3);
  EXPECT_THAT(error_of([&] { open_ina(root.places()); }), HasSubstr("curr1_input: found '-3', expected a number"));
}

TEST(Sampled, IntegratesAChangingPowerAndEveryWindowOnItsOwn) {
  std::atomic<double> watts = 2;
  std::atomic<int> reads = 0;
  SampledPower source(
      "fake", "nothing",
      [&] {
        const double now = watts.load();
        ++reads;
        return now;
      },
      0.002);
  const auto two_more_reads = [&] {  // the second began after this call did
    for (const int seen = reads; reads < seen + 2;) nap(1);
  };
  const auto window = [&] {  // its seconds: at least 0.1, more where others have the processor
    const double start = steady_seconds();
    source.begin();
    nap(100);
    source.end();
    return steady_seconds() - start;
  };
  const double first = window();
  two_more_reads();  // or the power of now would count for the end of the window
  watts = 10;
  two_more_reads();
  const double second = window();
  const std::vector<double> joules = source.take_joules();
  ASSERT_EQ(joules.size(), 2u);
  EXPECT_GT(joules[0], 0.2 - 0.001);
  EXPECT_LT(joules[0], 2 * first * 1.001);
  EXPECT_GT(joules[1], 1.0 - 0.1);
  EXPECT_LT(joules[1], 10 * second * 1.001);
  EXPECT_NEAR(mean_watts(source), 10, 0.3);  // and again
}

TEST(Sampled, ASensorThatFailsOrIsImpossibleIsNoNumber) {
  std::atomic<int> reads = 0;
  SampledPower failing(
      "fake", "nothing",
      [&]() -> double {
        if (++reads > 3) fail("sensor: gone");
        return 1;
      },
      0.002);
  EXPECT_EQ(error_of([&] { mean_watts(failing, 50); }), "sensor: gone");
  SampledPower wild("fake", "nothing", [&] { return 5000.0; }, 0.002);
  EXPECT_EQ(error_of([&] { mean_watts(wild, 50); }), "fake: power: found 5000 W, expected 0 to 1000 W");
  SampledPower slow("fake", "nothing", [&] { return 5.0; }, 10);
  EXPECT_THAT(error_of([&] { mean_watts(slow, 50); }), HasSubstr("fake: found 0 sample(s) in a window of 0.0"));
}

const fs::path kPmicText = fs::path(TRIAGE_FIXTURES) / "energy/pmic_read_adc.txt";

TEST(Pmic, SumsRailsWithVoltsAndAmperes) {
  EXPECT_NEAR(pmic_watts("VDD_A current(1)=2.0A\n  VDD_V volt(2)=0.5V\nEXT5V_V volt(24)=5.1V\nIO_A current(3)=1A\n"
                         "IO_V volt(4)=3V\r\n\n",
                         "text"),
              4, 1e-12);
  // 3V7_WL_SW 0.3613 W, 3V3_SYS 0.2424, 1V8_SYS 0.2955, 1V1_SYS 0.2367, 0V8_SW 0.2423, VDD_CORE 1.0209, HDMI 0.0912,
  // ...
  EXPECT_NEAR(pmic_watts(read_file(kPmicText), "text"), 2.49861, 1e-4);
}

TEST(Pmic, RefusesByLine) {
  const auto refusal = [](const char* text) { return error_of([&] { pmic_watts(text, "vcgencmd"); }); };
  EXPECT_EQ(refusal(""), "vcgencmd: found no rail with volts and amperes, expected some");
  EXPECT_EQ(refusal("EXT5V_V volt(24)=5.1V\n"), "vcgencmd: found no rail with volts and amperes, expected some");
  EXPECT_EQ(refusal("VDD_A current(1)=2.0A\n"), "vcgencmd: found VDD_A without VDD_V, expected both");
  EXPECT_EQ(refusal("A_V volt(1)=1V\nA_V volt(1)=1V\n"), "vcgencmd: line 2: found A_V again, expected it once");
  for (const char* line : {"error=1 error_msg=\"Command not registered\"", "VDD_A current(1)=2.0V",
                           "VDD_A volt(1)=2.0A", "VDD_A current(1)=x", "VDD_A current(1)=-1A", "VDD_A current(1)=nanA",
                           "VDD_A", "=", "_A c=A", "VDD_A current(1)="}) {
    EXPECT_THAT(refusal(line), HasSubstr(std::format("vcgencmd: line 1: found '{}', expected such as", line)));
  }
}

TEST(Pmic, AsksTheCommand) {
  EnergyPlaces places{.pmic_command = "cat '" + kPmicText.string() + "'"};
  EXPECT_NEAR(mean_watts(*open_pmic(places), 1000), 2.49861, 0.02);
  places.pmic_command = "no-such-vcgencmd pmic_read_adc";
  EXPECT_EQ(error_of([&] { open_pmic(places); }), "no-such-vcgencmd pmic_read_adc: no such command");
  places.pmic_command = "exit 3";
  EXPECT_EQ(error_of([&] { open_pmic(places); }), "exit 3: found status 768, expected 0");
  places.pmic_command = "echo VCHI initialization failed";
  EXPECT_THAT(error_of([&] { open_pmic(places); }), HasSubstr("line 1: found 'VCHI initialization failed'"));
}

}  // namespace
}  // namespace triage::measure
