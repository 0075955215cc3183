#include "remote/remote_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "measure/job.h"

namespace triage::remote {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Device pi() { return {.name = "pi5", .ssh = "pi@pi", .architecture = "aarch64", .program = "triage-measure"}; }

template <class Action>
std::pair<DeviceProblem, std::string> problem_with(Action action) {
  try {
    action();
  } catch (const DeviceError& error) {
    return {error.problem, error.what()};
  }
  ADD_FAILURE() << "expected DeviceError";
  return {};
}

std::string elf(char machine, char bits = 2) {
  std::string bytes = std::string("\177ELF") + bits + '\1';
  bytes.resize(64);
  bytes[18] = machine;
  return bytes;
}

TEST(ElfArchitecture, IsThatOfTheFileItself) {
  const TempDir directory;
  const auto of = [&](const std::string& bytes) {
    write_file_atomic(directory / "program", bytes);
    return elf_architecture(directory / "program");
  };
  EXPECT_EQ(of(elf(62)), "x86_64");
  EXPECT_EQ(of(elf(static_cast<char>(183))), "aarch64");
  EXPECT_EQ(of(elf(40)), "machine 40");
  EXPECT_EQ(of(elf(40, 1)), "");
  EXPECT_EQ(of("#!/bin/sh\necho no program, but long enough\n"), "");
  EXPECT_EQ(of("\177ELF"), "");

  Device device = pi();
  device.program = directory / "program";
  write_file_atomic(device.program, elf(62));
  const auto [problem, message] = problem_with([&] { check_program(device); });
  EXPECT_EQ(problem, DeviceProblem::wrong_architecture);
  EXPECT_THAT(message, HasSubstr("found a program for x86_64, expected a program for aarch64"));
}

// The script for real, here, with tools that answer what they are told to: the folder of the fakes stands first in
// PATH.
class InspectTest : public testing::Test {
 protected:
  void fake(const char* tool, const std::string& answer) {
    fs::create_directories(directory_ / "bin");
    write_file_atomic(directory_ / "bin" / tool, "#!/bin/sh\ncat <<'END'\n" + answer + "\nEND\n");
    fs::permissions(directory_ / "bin" / tool, fs::perms::owner_all);
  }
  Inspection inspect(const std::string& wanted) {
    const std::string path = (directory_ / "bin").string() + ":" + std::getenv("PATH");
    const ProcessResult result = run_process(
        {.command = {"env", "PATH=" + path, "sh", "-c", kInspectScript, "triage", work_.string()}, .input = wanted});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return parse_inspection("Welcome to this machine!\n" + result.output, "pi5");
  }
  TempDir directory_;
  fs::path work_ = directory_ / "work dir's";
};

TEST_F(InspectTest, TellsWhatIsThereAndMakesTheFolders) {
  Inspection inspection = inspect("files/a\nprograms/b\n");
  EXPECT_TRUE(inspection.have.empty());
  EXPECT_GT(inspection.free_kb, 0u);
  EXPECT_FALSE(inspection.architecture.empty());
  write_file_atomic(work_ / "programs/b", "x");
  inspection = inspect("files/a\nprograms/b\n");
  EXPECT_THAT(inspection.have, ElementsAre("programs/b"));
}

TEST_F(InspectTest, AFullDiskAndAnotherMachineAreNamed) {
  fake("uname", "armv7l");
  fake("df", "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/root 30000000 29980000 20000 100% /");
  const Inspection inspection = inspect("");
  EXPECT_EQ(inspection.free_kb, 20000u);
  check_disk(pi(), inspection, 1 << 20);
  auto [problem, message] = problem_with([&] { check_disk(pi(), inspection, 5 << 20); });
  EXPECT_EQ(problem, DeviceProblem::disk_full);
  EXPECT_EQ(message, "pi5 (pi@pi): disk full: .cache/triage: found 20000 KiB free, expected at least 21504");
  std::tie(problem, message) = problem_with([&] { check_architecture(pi(), inspection.architecture); });
  EXPECT_EQ(problem, DeviceProblem::wrong_architecture);
  EXPECT_EQ(message, "pi5 (pi@pi): wrong architecture: uname -m: found 'armv7l', expected 'aarch64'");
}

TEST(ParseInspection, AnAnswerThatEndsEarlyIsNoAnswer) {
  const std::string whole = "architecture aarch64\nfree_kb 5\nhave files/a\nend\n";
  EXPECT_EQ(parse_inspection(whole, "pi5").free_kb, 5u);
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_THROW(parse_inspection(whole.substr(0, size), "pi5"), DeviceError) << size;
  }
  EXPECT_THROW(parse_inspection("architecture aarch64\nfree_kb -\nend\n", "pi5"), DeviceError);
}

TEST(CheckVersion, NamesAnotherProgramAndAMissingProvider) {
  const auto answer = [](int protocol) {
    return std::format(R"({{"program":"triage-measure","protocol":{},"engine_version":"1.21","providers":["cpu"]}})",
                       protocol);
  };
  check_version(pi(), "motd\n" + answer(measure::kJobProtocol) + "\n", "cpu");
  EXPECT_THAT(error_of([&] { check_version(pi(), answer(measure::kJobProtocol + 1), "cpu"); }),
              HasSubstr("protocol: expected 3: build it anew, found 4"));
  EXPECT_THAT(error_of([&] { check_version(pi(), answer(measure::kJobProtocol), "xnnpack"); }),
              HasSubstr("provider: found 'xnnpack', expected one that ONNX Runtime 1.21 has there: cpu"));
  EXPECT_THAT(error_of([&] { check_version(pi(), "hello\n", "cpu"); }),
              HasSubstr("found 'hello\n', expected the answer of triage-measure"));
}

}  // namespace
}  // namespace triage::remote
