#include "remote/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::remote {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPi = R"([[device]]
name = "pi5"
ssh = "pi@raspberrypi.local"
architecture = "aarch64"
program = "build/arm64/triage-measure"
)";

TEST(Devices, ReadsEveryFieldAndKeepsTheOrder) {
  const std::string text = std::string(kPi) + R"(
[[device]]
name = "board"
ssh = "board"
port = 2222
architecture = "x86_64"
cores = [2, 3]
priority = -5
work_directory = "/data/triage work"
program = "/opt/triage-measure"
identity_file = "keys/board"
ssh_options = ["-o", "StrictHostKeyChecking=accept-new"]
timeout_seconds = 20
retries = 1
retry_seconds = 0.5
)";
  const std::vector<Device> devices = parse_devices(text, "/lab/devices.toml");
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].name, "pi5");
  EXPECT_EQ(devices[0].program, "/lab/build/arm64/triage-measure");
  EXPECT_EQ(devices[0].port, 0);
  EXPECT_EQ(devices[0].work_directory, ".cache/triage");
  EXPECT_TRUE(devices[0].identity_file.empty());
  EXPECT_EQ(devices[1].port, 2222);
  EXPECT_THAT(devices[1].cores, ElementsAre(2, 3));
  EXPECT_EQ(devices[1].priority, -5);
  EXPECT_EQ(devices[1].work_directory, "/data/triage work");
  EXPECT_EQ(devices[1].program, "/opt/triage-measure");
  EXPECT_EQ(devices[1].identity_file, "/lab/keys/board");
  EXPECT_THAT(devices[1].ssh_options, ElementsAre("-o", "StrictHostKeyChecking=accept-new"));
  EXPECT_EQ(devices[1].timeout_seconds, 20);
  EXPECT_EQ(devices[1].retries, 1);
  EXPECT_EQ(devices[1].retry_seconds, 0.5);
  EXPECT_EQ(&find_device(devices, "board", "devices.toml"), &devices[1]);
  EXPECT_EQ(error_of([&] { find_device(devices, "pi4", "devices.toml"); }),
            "devices.toml: device: found no 'pi4', expected one of: pi5, board");
}

TEST(Devices, RefusesByName) {
  const auto refusal = [](const std::string& more) {
    return error_of([&] { parse_devices(kPi + more, "devices.toml"); });
  };
  EXPECT_EQ(refusal(""), "no error");
  EXPECT_THAT(refusal("port = 70000\n"), HasSubstr("port"));
  EXPECT_THAT(refusal("prots = 22\n"), HasSubstr("key 'device[0].prots' is unknown; expected one of: architecture"));
  EXPECT_THAT(refusal("cores = [-1]\n"), HasSubstr("device[0].cores"));
  EXPECT_THAT(refusal("timeout_seconds = 0\n"), HasSubstr("device[0].timeout_seconds"));
  EXPECT_THAT(refusal("work_directory = \"\"\n"), HasSubstr("device[0].work_directory"));
  EXPECT_THAT(refusal(kPi), HasSubstr("a name that no other device has"));
  EXPECT_THAT(refusal("[other]\n"), HasSubstr("key 'other' is unknown"));
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string text = kPi;
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { parse_devices(text, "devices.toml"); });
  };
  EXPECT_THAT(changed("ssh = \"pi@raspberrypi.local\"", ""), HasSubstr("key 'device[0].ssh' is missing"));
  EXPECT_THAT(changed("pi@raspberrypi.local", "-oProxyCommand=x"), HasSubstr("does not begin with '-'"));
  EXPECT_THAT(changed("pi@raspberrypi.local", "a b"), HasSubstr("device[0].ssh"));
  EXPECT_THAT(changed("aarch64", "armv7l"), HasSubstr("expected x86_64 or aarch64"));
  EXPECT_EQ(error_of([] { parse_devices("", "devices.toml"); }),
            "devices.toml: found no [[device]], expected at least one");
}

// Damaged files are refused or read; nothing else happens.
TEST(Devices, DamagedTextNeverCrashes) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string text = std::string(kPi) + "cores = [1]\nretries = 2\n";
    for (std::uint64_t i = 0; i <= rng.below(4); ++i) text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    try {
      for (const Device& device : parse_devices(text, "devices.toml")) {
        EXPECT_FALSE(device.ssh.empty() || device.ssh.front() == '-');
      }
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace triage::remote
