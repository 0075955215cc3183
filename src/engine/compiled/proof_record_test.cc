#include "engine/compiled/proof_record.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/system/cpu.h"
#include "core/test_support.h"

namespace triage::engine {
namespace {

const std::string kLibrary(64, 'a'), kOther(64, 'b'), kFirst(64, '1'), kSecond(64, '2');

TEST(ProofRecord, RemembersBothOutcomesBesideTheLibrary) {
  const TempDir directory;
  const ProofRecord record(directory / "kernels.so", kLibrary, "cpu");
  EXPECT_EQ(record.find(kFirst), std::nullopt);
  record.add(kFirst, "");
  record.add(kSecond, "kernel 'x' was killed by SIGILL");
  EXPECT_EQ(record.file().parent_path(), directory.path());
  EXPECT_TRUE(fs::is_regular_file(record.file()));
  const ProofRecord again(directory / "kernels.so", kLibrary, "cpu");
  EXPECT_EQ(again.find(kFirst), "");
  EXPECT_EQ(again.find(kSecond), "kernel 'x' was killed by SIGILL");
  EXPECT_EQ(again.find(kOther), std::nullopt);
}

TEST(ProofRecord, IsOfOneCpuAndOneLibrary) {
  const TempDir directory;
  const ProofRecord record(directory / "kernels.so", kLibrary, "cpu");
  record.add(kFirst, "");
  const ProofRecord other_cpu(directory / "kernels.so", kLibrary, "another");
  const ProofRecord other_library(directory / "kernels.so", kOther, "cpu");
  EXPECT_EQ(other_cpu.find(kFirst), std::nullopt);
  EXPECT_EQ(other_library.find(kFirst), std::nullopt);
  fs::copy_file(record.file(), other_cpu.file());  // a file of another is no proof
  fs::copy_file(record.file(), other_library.file());
  EXPECT_EQ(other_cpu.find(kFirst), std::nullopt);
  EXPECT_EQ(other_library.find(kFirst), std::nullopt);
  other_cpu.add(kFirst, "kernel 'x' did it");
  EXPECT_EQ(other_cpu.find(kFirst), "kernel 'x' did it");
  EXPECT_EQ(record.find(kFirst), "");
}

TEST(ProofRecord, ADamagedOneKnowsNothingAndIsReplaced) {
  const TempDir directory;
  const ProofRecord record(directory / "kernels.so", kLibrary, "cpu");
  record.add(kFirst, "");
  Json json = read_json(record.file());
  for (const char* field : {"version", "library_sha256", "cpu_sha256", "programs"}) {
    Json damaged = json;
    damaged[field] = 17;
    write_json(record.file(), damaged);
    EXPECT_EQ(record.find(kFirst), std::nullopt) << field;
  }
  write_file_atomic(record.file(), "{");
  EXPECT_EQ(record.find(kFirst), std::nullopt);
  record.add(kSecond, "");
  EXPECT_EQ(record.find(kSecond), "");
}

TEST(ProofRecord, TheProcessRemembersWhatCannotBeWritten) {
  const TempDir directory;
  const ProofRecord record(directory / "none" / "kernels.so", kLibrary, "cpu");
  record.add(kFirst, "");
  record.add(kSecond, "kernel 'x' did it");
  EXPECT_FALSE(fs::exists(record.file()));
  const ProofRecord again(directory / "none" / "kernels.so", kLibrary, "cpu");
  EXPECT_EQ(again.find(kFirst), "");
  EXPECT_EQ(again.find(kSecond), "kernel 'x' did it");
  EXPECT_EQ(ProofRecord(directory / "none" / "kernels.so", kLibrary, "other").find(kFirst), std::nullopt);
}

TEST(ProofRecord, ACpuIsItsNameAndItsFlags) {
  const std::string identity = cpu_identity() + " ";
  EXPECT_TRUE(identity.starts_with(cpu_name()));
  for (const std::string& flag : cpu_flags()) EXPECT_NE(identity.find(" " + flag + " "), std::string::npos) << flag;
}

}  // namespace
}  // namespace triage::engine
