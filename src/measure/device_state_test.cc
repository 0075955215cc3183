#include "measure/device_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

class DeviceStateTest : public testing::Test {
 protected:
  void put(const std::string& file, const std::string& text) {
    fs::create_directories((root_.path() / file).parent_path());
    write_file_atomic(root_.path() / file, text);
  }
  DeviceState read(const std::string& vcgencmd = {}) {
    return read_device_state(root_.path(), [&] { return vcgencmd; });
  }
  TempDir root_;
};

TEST_F(DeviceStateTest, ReadsAMachineThatTellsEverything) {
  for (const int core : {0, 1, 10}) {
    const std::string at = std::format("sys/devices/system/cpu/cpu{}/", core);
    put(at + "cpufreq/scaling_cur_freq", std::to_string(1500000 + core) + "\n");
    put(at + "cpufreq/scaling_max_freq", "2400000\n");
    put(at + "cpufreq/scaling_governor", "ondemand\n");
    put(at + "thermal_throttle/core_throttle_count", "7\n");
  }
  put("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "9\n");
  put("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "not a core\n");
  put("sys/class/thermal/thermal_zone0/temp", "48312\n");
  put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  put("sys/class/thermal/thermal_zone1/temp", "-2500\n");
  put("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    6000000 kB\n");
  put("proc/loadavg", "0.52 0.58 0.59 1/389 12345\n");
  const DeviceState state = read("throttled=0x50005\n");
  EXPECT_EQ(state.cores.size(), 3u);
  EXPECT_DOUBLE_EQ(*state.cores.at(10).mhz, 1500.01);
  EXPECT_EQ(state.cores.at(0).governor, "ondemand");
  EXPECT_EQ(state.celsius,
            (std::map<std::string, double>{{"thermal_zone0 cpu-thermal", 48.312}, {"thermal_zone1", -2.5}}));
  EXPECT_EQ(state.throttle_count.at("cpu10 core"), 7u);
  EXPECT_EQ(state.throttle_count.at("cpu0 package"), 9u);
  EXPECT_EQ(state.firmware, 0x50005u);
  const Json json = to_json(state);
  EXPECT_EQ(json["cores"]["cpu1"]["most_mhz"], 2400.0);
  EXPECT_EQ(json["firmware_throttled"]["now"], "under-voltage, throttled");
  EXPECT_EQ(json["firmware_throttled"]["since_boot"], "under-voltage, throttled");
  EXPECT_EQ(json["available_kb"], 6000000);
  EXPECT_EQ(json["load"], 0.52);
}

TEST_F(DeviceStateTest, WhatIsNotThereIsNotAvailable) {
  put("sys/devices/system/cpu/cpu0/topology/core_id", "0\n");
  put("sys/class/thermal/thermal_zone0/temp", "hot\n");
  const Json json = to_json(read());
  for (const char* field : {"cores", "celsius", "throttle_count", "firmware_throttled", "memory_kb", "load"}) {
    EXPECT_EQ(json[field], "not available") << field;
  }
  EXPECT_EQ(unstable_because(read(), read(), {}, {}), "");
}

TEST_F(DeviceStateTest, TheKernelsFirmwareFileIsPreferred) {
  put("sys/devices/platform/soc/soc:firmware/get_throttled", "20002\n");
  EXPECT_EQ(read("throttled=0x0").firmware, 0x20002u);
  EXPECT_EQ(parse_throttled("throttled=0x0\n"), 0u);
  for (const char* bad : {"", "throttled=", "0x", "error=1", "throttled=0x1 0x2", "123456789"}) {
    EXPECT_EQ(parse_throttled(bad), std::nullopt) << bad;
  }
}

DeviceState calm() {
  DeviceState state;
  state.cores = {{0, {.mhz = 2400}}, {1, {.mhz = 1500}}};
  state.celsius = {{"zone", 50}};
  state.throttle_count = {{"cpu0 core", 3}};
  state.firmware = 0x50000;  // long ago
  return state;
}

TEST(UnstableBecause, EachReasonIsNamed) {
  const auto reason = [](auto change, const std::vector<int>& cores = {}) {
    DeviceState after = calm();
    change(after);
    return unstable_because(calm(), after, {}, cores);
  };
  EXPECT_EQ(reason([](DeviceState&) {}), "");
  EXPECT_EQ(reason([](DeviceState& s) { s.cores[0].mhz = 2300; }), "");
  EXPECT_EQ(reason([](DeviceState& s) { s.cores[0].mhz = 1800; }),
            "the frequency fell from 2400 to 1800 MHz, by more than 5 %");
  EXPECT_EQ(reason([](DeviceState& s) { s.cores[1].mhz = 600; }), "");  // another core is as fast as before
  EXPECT_THAT(reason([](DeviceState& s) { s.cores[1].mhz = 600; }, {1}), HasSubstr("from 1500 to 600 MHz"));
  EXPECT_EQ(reason([](DeviceState& s) { s.celsius["zone"] = 65; }), "");
  EXPECT_EQ(reason([](DeviceState& s) { s.celsius["zone"] = 70.26; }),
            "zone rose from 50.0 to 70.3 degrees, by more than 15");
  EXPECT_EQ(reason([](DeviceState& s) { s.throttle_count["cpu0 core"] = 5; }),
            "cpu0 core was throttled: its count went from 3 to 5");
  EXPECT_EQ(reason([](DeviceState& s) { s.firmware = 0x50002; }), "the firmware reports frequency capped");
  EXPECT_EQ(reason([](DeviceState& s) { s.firmware = 0xD0000; }), "the firmware reports soft temperature limit");
  EXPECT_EQ(reason([](DeviceState& s) {
              s.cores[0].mhz = 1000;
              s.firmware = 0x50004;
            }),
            "the frequency fell from 2400 to 1500 MHz, by more than 5 %; the firmware reports throttled");
}

}  // namespace
}  // namespace triage::measure
