#include "measure/energy/energy_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/energy/energy_test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

const fs::path kMeterFixtures = fs::path(TRIAGE_FIXTURES) / "energy";
constexpr double kPlugStart = 1773486000;  // 2026-03-14T12:00:00+01:00

std::string meter_refusal(std::string_view text) {
  return error_of([&] { parse_meter(text, "m.csv"); });
}

// One sample a second from 0 to 10 s, power_w as given at each.
std::string constant_power(const char* watts, int seconds = 10) {
  std::string text = "time,power_w\n";
  for (int i = 0; i <= seconds; ++i) text += std::format("{},{}\n", i, watts);
  return text;
}

TEST(ParseMeter, IntegratesAPlugsPower) {
  const EnergyTrace plug = parse_meter(read_file(kMeterFixtures / "plug.csv"), "plug.csv");
  EXPECT_DOUBLE_EQ(plug.first(), kPlugStart);
  EXPECT_DOUBLE_EQ(plug.last(), kPlugStart + 12);
  EXPECT_NEAR(plug.joules(kPlugStart, kPlugStart + 4), 24, 1e-6);
  EXPECT_NEAR(plug.joules(kPlugStart + 5, kPlugStart + 12), 63, 1e-6);
  EXPECT_NEAR(plug.joules(kPlugStart, kPlugStart + 12), 6 * 4.5 + 0.5 * 7.5 + 9 * 7, 1e-6);
  EXPECT_NEAR(plug.joules(kPlugStart + 0.3, kPlugStart + 4.1), 6 * 3.8, 1e-6);
}

TEST(ParseMeter, IntegratesACounterOfEnergy) {
  const EnergyTrace meter = parse_meter(read_file(kMeterFixtures / "usb_meter.csv"), "usb_meter.csv", -2);
  EXPECT_DOUBLE_EQ(meter.first(), kPlugStart - 2);
  EXPECT_NEAR(meter.joules(kPlugStart + 1.1, kPlugStart + 5.1), 4 * 7.2, 1e-3);
}

TEST(ParseMeter, ReadsTimesAlike) {
  for (const char* time : {"2026-03-14T11:00:00Z", "2026-03-14 11:00:00", "2026-03-14T12:00:00+01:00",
                           "2026-03-14T06:30:00.000-04:30", "1773486000.0"}) {
    EXPECT_DOUBLE_EQ(parse_meter(std::format("power_w,time\n5,{}\n", time), "m.csv").first(), kPlugStart) << time;
  }
  EXPECT_EQ(utc_text(kPlugStart + 0.25), "2026-03-14T11:00:00.250Z");
}

TEST(ParseMeter, LeavesALineThatIsStillWritten) {
  EXPECT_DOUBLE_EQ(parse_meter("time,power_w\n1,5\n2,5\n3,50", "m.csv").last(), 2);
  EXPECT_TRUE(parse_meter("time,power_w\n", "m.csv").empty());
  EXPECT_TRUE(parse_meter("time,pow", "m.csv").empty());
}

TEST(ParseMeter, RefusesByLine) {
  EXPECT_EQ(meter_refusal("seconds;watts\n"),
            "m.csv:1: found the columns 'seconds;watts', expected one 'time' and one of power_w, power_mw, energy_j, "
            "energy_mwh");
  EXPECT_THAT(meter_refusal("time,power_w,energy_j\n"), HasSubstr("m.csv:1: found the columns"));
  EXPECT_EQ(meter_refusal("time,power_w\n1,2,3\n"), "m.csv:2: found 3 fields, expected 2 as in the header");
  EXPECT_THAT(meter_refusal("time,power_w\nnoon,2\n"), HasSubstr("m.csv:2: time: found 'noon', expected seconds or"));
  EXPECT_THAT(meter_refusal("time,power_w\n2026-02-30T00:00:00Z,2\n"), HasSubstr("m.csv:2: time: found"));
  EXPECT_EQ(meter_refusal("time,power_w\n1,much\n"), "m.csv:2: power_w: found 'much', expected a number");
  EXPECT_EQ(meter_refusal("time,power_w\n1,-2\n"), "m.csv:2: power: found -2 W, expected 0 to 5000 W");
  EXPECT_EQ(meter_refusal("time,power_mw\n1,9000000\n"), "m.csv:2: power: found 9000 W, expected 0 to 5000 W");
  EXPECT_EQ(meter_refusal("time,power_w\n2,5\n\n# pause\n2,5\n"),
            "m.csv:5: time: found 2.000 s after 2.000 s, expected a later one");
  EXPECT_EQ(meter_refusal("time,energy_j\n1,7\n2,6.5\n"),
            "m.csv:3: energy: found a step of -0.5 J within 1.000 s, expected 0 to 5000 J (at most 5000 W)");
  EXPECT_THAT(meter_refusal("time,energy_mwh\n1,7\n2,7000\n"), HasSubstr("m.csv:3: energy: found a step of"));
}

TEST(ParseMeter, AGapIsNoNumber) {
  const EnergyTrace trace = parse_meter(constant_power("4") + "14,4\n15,4\n16,4\n", "m.csv");
  EXPECT_DOUBLE_EQ(trace.joules(0, 10), 40);
  EXPECT_EQ(error_of([&] { trace.joules(3, 15); }), "m.csv:13: found no sample for 4.000 s, expected one every 2.5 s");
  EXPECT_EQ(error_of([&] { trace.joules(2.5, 10.5); }),
            "m.csv:13: found no sample for 4.000 s, expected one every 2.5 s");
  EXPECT_EQ(error_of([&] { trace.joules(1, 3); }),
            "m.csv: found 3 sample(s) in a window of 2.000 s, expected at least 5; a longer window holds more");
  EXPECT_EQ(error_of([&] { trace.joules(-1, 3); }),
            "m.csv: found samples from 0.000 to 16.000 s, expected samples from -1.000 to 3.000 s");
}

TEST(Meter, CutsItsWindowsOutOfTheFile) {
  const FakeRoot root;
  root.write("m.csv", constant_power("4", 30));
  double now = 2;
  MeterFile meter(root / "m.csv", 0, 0, [&] { return now; });
  for (const double seconds : {6.0, 5.0}) {
    meter.begin();
    now += seconds;
    meter.end();
    now += 1;
  }
  EXPECT_THAT(meter.take_joules(), testing::ElementsAre(testing::DoubleNear(24, 1e-9), testing::DoubleNear(20, 1e-9)));
  EXPECT_THAT(meter.take_joules(), testing::IsEmpty());
}

TEST(Meter, WaitsForTheFileAndThenGivesUp) {
  const FakeRoot root;
  double now = kPlugStart;
  const auto window = [&](MeterFile& meter) { return window_joules(meter, [&] { now += 6; }); };
  MeterFile absent(root / "m.csv", 0, 0.05, [&] { return now; });
  EXPECT_EQ(error_of([&] { window(absent); }),
            (root / "m.csv").string() +
                ": found no sample, expected samples from 2026-03-14T11:00:00.000Z to "
                "2026-03-14T11:00:06.000Z; waited 0.05 s");
  root.write("m.csv", read_file(kMeterFixtures / "plug.csv"));
  MeterFile late(root / "m.csv", 0, 0.05, [&] { return now; });
  now = kPlugStart + 8;
  EXPECT_THAT(
      error_of([&] { window(late); }),
      HasSubstr("found samples from 2026-03-14T11:00:00.000Z to 2026-03-14T11:00:12.000Z, expected samples from "
                "2026-03-14T11:00:08.000Z to 2026-03-14T11:00:14.000Z"));
  now = kPlugStart - 1;
  EXPECT_THAT(error_of([&] { window(late); }), HasSubstr("found its first sample at 2026-03-14T11:00:00.000Z"));
  now = kPlugStart - 1;
  MeterFile shifted(root / "m.csv", -1, 0, [&] { return now; });  // the meter's clock is a second fast
  EXPECT_NEAR(window(shifted), 6 * 4.5 + 0.5 * 7.5 + 9, 1e-6);
}

TEST(Meter, RefusesAFileThatIsNoneBeforeTheWork) {
  const FakeRoot root;
  root.write("m.csv", "time;power");
  EXPECT_THAT(error_of([&] { MeterFile(root / "m.csv", 0, 0, [] { return 0.0; }); }), HasSubstr("m.csv:1: found the"));
}

}  // namespace
}  // namespace triage::measure
