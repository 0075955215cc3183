#include "core/system/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/sysinfo.h>

#include <cmath>
#include <sstream>

#include "core/system/cpu.h"
#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Machine, FlagsOfTheCpuHoldThoseOfTheContext) {
  const std::set<std::string> flags = cpu_flags();
  std::istringstream words(machine_context()["flags"].get<std::string>());
  for (std::string flag; words >> flag;) EXPECT_TRUE(flags.contains(flag)) << flag;
}

TEST(Machine, ContextNamesTheMachine) {
  const Json machine = machine_context();
  const std::string cpuinfo = read_file("/proc/cpuinfo");
  if (cpuinfo.find("model name") != std::string::npos) {
    EXPECT_THAT(cpuinfo, HasSubstr(": " + machine["cpu"].get<std::string>() + "\n"));
  }
  EXPECT_THAT(machine["kernel"].get<std::string>(), HasSubstr("Linux"));
  struct sysinfo memory{};
  ASSERT_EQ(::sysinfo(&memory), 0);
  EXPECT_EQ(machine["memory_mib"].get<std::uint64_t>(), std::uint64_t{memory.totalram} * memory.mem_unit >> 20);
  const std::string flags = " " + machine["flags"].get<std::string>() + " ";
  EXPECT_EQ(flags.find(" fpu "), std::string::npos);  // says nothing about kernels
}

TEST(Machine, CountsTheCoresThatTheProcessMayUse) {
  cpu_set_t all, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) last = CPU_ISSET(cpu, &all) ? cpu : last;
  CPU_SET(last, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  const int usable = machine_context()["usable_cpus"].get<int>();
  ASSERT_EQ(::sched_setaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(usable, 1);
}

TEST(Machine, RevisionAndTimeHaveTheirForm) {
  EXPECT_THAT(git_revision(), MatchesRegex("unknown|[0-9a-f]+(-dirty)?"));
  EXPECT_THAT(iso_time_now(), MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"));
}

TEST(RecordFigures, WritesTheSchema) {
  const TempDir directory;
  const fs::path file = directory / "pair.json";
  record_figures(file, "triage bench",
                 {{"a.speed", {.value = 1.34, .unit = "x", .interval = Interval{1.3, 1.37}, .n = 5}}});
  const Json json = read_json(file);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "triage bench");
  EXPECT_EQ(json["git"], git_revision());
  EXPECT_EQ(json["machine"]["cpu"], cpu_name());
  EXPECT_EQ(json["figures"].dump(), R"({"a.speed":{"value":1.34,"unit":"x","interval":[1.3,1.37],"n":5}})");
}

TEST(RecordFigures, MergesAndEarlierFiguresKeepTheirOwnEvidence) {
  const TempDir directory;
  const fs::path file = directory / "pair.json";
  record_figures(file, "first", {{"a", {.value = 1, .unit = "%"}}, {"b", {.value = 2, .unit = "%"}}});
  Json json = read_json(file);
  json["note"] = "kept";
  json["date"] = "2001-01-01T00:00:00Z";
  json["figures"]["a"]["seed"] = 7;
  write_json(file, json);
  record_figures(file, "second", {{"b", {.value = 3, .unit = "us"}}});
  record_figures(file, "third", {{"c", {.value = 4, .unit = ""}}});
  json = read_json(file);
  EXPECT_EQ(json["command"], "third");
  EXPECT_EQ(json["note"], "kept");
  EXPECT_EQ(json["figures"]["a"].dump(),
            R"({"value":1.0,"unit":"%","seed":7,"command":"first","date":"2001-01-01T00:00:00Z"})");
  EXPECT_EQ(json["figures"]["b"]["value"], 3);
  EXPECT_EQ(json["figures"]["b"]["command"], "second");
  EXPECT_EQ(json["figures"]["c"].dump(), R"({"value":4.0,"unit":""})");
}

TEST(RecordFigures, RefusesWhatIsNoFigure) {
  const TempDir directory;
  const fs::path file = directory / "pair.json";
  EXPECT_THAT(error_of([&] { record_figures(file, "x", {{"a", {.value = std::nan(""), .unit = ""}}}); }),
              HasSubstr("figure 'a'"));
  EXPECT_FALSE(fs::exists(file));
  write_file_atomic(file, R"({"schema": 2, "figures": {}})");
  EXPECT_EQ(error_of([&] { record_figures(file, "x", {}); }), file.string() + ": schema: expected 1, found 2");
}

}  // namespace
}  // namespace triage
