#include "core/system/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::HasSubstr;

TEST(Process, GivesInputAndCollectsBothStreams) {
  const std::string much(3 << 20, 'x');
  ProcessResult result = run_process({.command = {"sh", "-c", "cat; echo oops >&2; exit 3"}, .input = much});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, much);
  EXPECT_EQ(result.errors, "oops\n");
  EXPECT_FALSE(result.silent);

  const TempDir directory;
  write_file_atomic(directory / "in", "from a file");
  std::string seen;
  result = run_process(
      {.command = {"cat"}, .input_file = directory / "in", .on_output = [&](std::string_view text) { seen += text; }});
  EXPECT_EQ(seen, "from a file");
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.exit_code, 0);
}

TEST(Process, ArgumentsReachTheProgramAsTheyAre) {
  const ProcessResult result = run_process({.command = {"printf", "%s|", "a b", "$HOME", "'", "*", ""}});
  EXPECT_EQ(result.output, "a b|$HOME|'|*||");
}

TEST(Process, SilenceEndsItAndChildrenThatKeepThePipesDoNotHoldUsUp) {
  const ProcessResult silent = run_process({.command = {"sh", "-c", "echo on; sleep 60"}, .silence_seconds = 0.2});
  EXPECT_TRUE(silent.silent);
  EXPECT_EQ(silent.exit_code, 128 + 9);
  EXPECT_EQ(silent.output, "on\n");
  const ProcessResult left = run_process({.command = {"sh", "-c", "sleep 600 & echo $!"}});
  EXPECT_FALSE(left.silent);
  EXPECT_EQ(left.exit_code, 0);
  EXPECT_EQ(::kill(std::stoi(left.output), SIGKILL), 0);  // it still held the pipes
}

TEST(Process, AStopKillsIt) {
  std::atomic<bool> stop = false;
  ProcessOptions options;
  options.command = {"sh", "-c", "echo began; sleep 60"};
  options.stop = StopToken(stop);
  options.on_output = [&](std::string_view) { stop = true; };
  EXPECT_THROW(run_process(options), Interrupted);
}

TEST(Process, HowAProgramFailedIsSaid) {
  const auto failure = [](const char* script) {
    return error_of([&] { run_checked({.command = {"sh", "-c", script}, .silence_seconds = 0.2}); });
  };
  EXPECT_EQ(failure("exit 0"), "no error");
  EXPECT_EQ(failure("echo first >&2; echo oops >&2; exit 3"),
            "sh -c echo first >&2; echo oops >&2; exit 3: ended with exit code 3: first\noops");
  EXPECT_EQ(failure("kill -ILL $$"), "sh -c kill -ILL $$: ended by SIGILL: it said nothing");
  EXPECT_EQ(failure("echo before >&2; kill -KILL $$"),
            "sh -c echo before >&2; kill -KILL $$: ended by SIGKILL: before");
  EXPECT_EQ(failure("sleep 60"), "sh -c sleep 60: killed: silent for 0.2 s: it said nothing");
  const std::string much = failure("yes | head -c 10000 >&2; echo last >&2; exit 1");
  EXPECT_LT(much.size(), 2200u);
  EXPECT_THAT(much, testing::EndsWith("y\nlast"));
  EXPECT_EQ(signal_name(11), "SIGSEGV");
  EXPECT_EQ(signal_name(63), "signal 63");
  EXPECT_EQ(run_process({.command = {"sh", "-c", "kill -TERM $$"}}).signal, 15);
  EXPECT_EQ(run_process({.command = {"sh", "-c", "exit 143"}}).signal, 0);
}

TEST(Process, ErrorsOfStartingAndOfTheListener) {
  EXPECT_THAT(error_of([] { run_process({.command = {"/nowhere/program"}}); }),
              HasSubstr("/nowhere/program: cannot be started: No such file"));
  EXPECT_THAT(error_of([] { run_process({.command = {"cat"}, .input_file = "/nowhere/in"}); }),
              HasSubstr("/nowhere/in: cannot open"));
  EXPECT_EQ(error_of([] {
              run_process({.command = {"sh", "-c", "echo x; sleep 60"},
                           .on_output = [](std::string_view) { throw Error("enough"); }});
            }),
            "enough");
}

}  // namespace
}  // namespace triage
