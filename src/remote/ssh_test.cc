#include "remote/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::remote {
namespace {

TEST(ShellQuote, AnyTextIsOneWordForAShell) {
  constexpr std::string_view kLetters = "'\"\\$`!*?; \n\t~#&|<>()[]{}-ab\xc3\xa9";
  Rng rng(5);
  for (int round = 0; round < 200; ++round) {
    std::string word(rng.below(20), 'x');
    for (char& c : word) c = kLetters[rng.below(kLetters.size())];
    const ProcessResult result = run_process({.command = {"sh", "-c", "printf %s " + shell_quote(word)}});
    EXPECT_EQ(result.output, word);
  }
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(ProblemOf, IsReadOffTheExitCodeAndTheMessages) {
  const auto problem = [](int code, const std::string& errors) {
    return problem_of({.exit_code = code, .errors = errors});
  };
  EXPECT_EQ(problem(0, "a warning"), std::nullopt);
  EXPECT_EQ(problem_of({.exit_code = 137, .silent = true}), DeviceProblem::timeout);
  const std::pair<const char*, DeviceProblem> of_ssh[] = {
      {"ssh: Could not resolve hostname nowhere: Name or service not known", DeviceProblem::unreachable},
      {"ssh: connect to host pi port 22: Connection refused", DeviceProblem::unreachable},
      {"ssh: connect to host pi port 22: No route to host", DeviceProblem::unreachable},
      {"pi@pi: Permission denied (publickey).", DeviceProblem::permission},
      {"Host key verification failed.", DeviceProblem::permission},
      {"command-line: line 0: Bad configuration option: nonsense", DeviceProblem::failed},
      {"client_loop: send disconnect: Broken pipe", DeviceProblem::vanished},
      {"Timeout, server pi not responding.", DeviceProblem::vanished},
      {"", DeviceProblem::vanished},
  };
  for (const auto& [errors, expected] : of_ssh) EXPECT_EQ(problem(255, errors), expected) << errors;
  const std::pair<const char*, DeviceProblem> of_the_command[] = {
      {"cat: write error: No space left on device", DeviceProblem::disk_full},
      {"./x: error while loading shared libraries: libonnxruntime.so.1: cannot open shared object file",
       DeviceProblem::missing_library},
      {"sh: ./x: cannot execute binary file: Exec format error", DeviceProblem::wrong_architecture},
      {"mkdir: cannot create directory 'x': Permission denied", DeviceProblem::permission},
      {"triage-measure: stages.json: stages: expected at least one stage", DeviceProblem::failed},
  };
  for (const auto& [errors, expected] : of_the_command) EXPECT_EQ(problem(1, errors), expected) << errors;
}

TEST(Ssh, AnUnreachableDeviceIsOneThatVanished) {
  const Ssh ssh({.name = "gone", .ssh = "user@127.0.0.1", .port = 1, .timeout_seconds = 10});
  try {
    ssh.run({.doing = "checking it", .script = "echo here"});
    FAIL() << "expected DeviceVanished";
  } catch (const DeviceVanished& vanished) {
    EXPECT_EQ(vanished.problem, DeviceProblem::unreachable);
    EXPECT_THAT(vanished.what(), testing::StartsWith("gone (user@127.0.0.1): checking it: unreachable: "));
  }
}

}  // namespace
}  // namespace triage::remote
