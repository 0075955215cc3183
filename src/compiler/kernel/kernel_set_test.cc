#include "compiler/kernel/kernel_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compiler_test_support.h"
#include "compiler/tuning/tune_job.h"
#include "core/test_support.h"

namespace triage::compiler {
namespace {

KernelSet small_library() {
  KernelSet library(target_from_name("avx2"));
  const auto key = KernelKey::parse("int8 32->64 16x16 pool threads 2");
  library.add(key, {.vectors = 2, .columns = 2, .rows = 2});
  library.add(EdgeKey::parse("head int8 60/64 4x4 classes 10"));
  return library;
}

TEST(KernelSet, AKernelIsAddedOnceForAnyNumberOfRows) {
  KernelSet library(target_from_name("avx2"));
  const Schedule schedule{.vectors = 2, .columns = 2, .rows = 2};
  const std::string name = library.add(KernelKey::parse("int8 32->64 16x16 pool threads 2"), schedule);
  EXPECT_EQ(library.add(KernelKey::parse("int8 32->64 16x16 pool"), schedule), name);
  EXPECT_EQ(library.kernels().at(name).key.threads, 1);
  EXPECT_NE(library.add(KernelKey::parse("int8 32->64 16x16"), schedule), name);
  EXPECT_NE(library.add(KernelKey::parse("int8 32->64 16x16 pool"), Schedule{}), name);
  EXPECT_EQ(library.kernels().size(), 3u);
}

// Two kernels that differ have two names.
TEST(KernelSet, NamesAreIdentifiersAndApart) {
  Rng rng(1);
  KernelSet library(target_from_name("avx2"));
  std::set<std::pair<KernelKey, Schedule>> added;
  for (int i = 0; i < 500; ++i) {
    KernelKey key = random_key(rng);
    Schedule schedule;
    schedule.columns = 1 + static_cast<int>(rng.below(30));
    for (const char letter : library.add(key, schedule))
      EXPECT_TRUE((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_') << letter;
    key.threads = 1;
    added.emplace(key, schedule);
  }
  EXPECT_EQ(library.kernels().size(), added.size());
}

TEST(KernelSet, JobsSurviveTheirJson) {
  const Json json = to_json(small_library());
  EXPECT_EQ(to_json(kernel_set_from_json(json, "job")), json);
}

TEST(KernelSet, DamagedJobsAreRefusedByField) {
  const Json whole = to_json(small_library());
  const auto refused = [&](const char* pointer, const Json& value) {
    Json json = whole;
    json[Json::json_pointer(pointer)] = value;
    return error_of([&] { kernel_set_from_json(json, "job"); });
  };
  EXPECT_THAT(refused("/target", "z80"), testing::HasSubstr("found 'z80'"));
  EXPECT_THAT(refused("/kernels", 3), testing::HasSubstr("job"));
  EXPECT_THAT(refused("/kernels/0/symbol", "printf"),
              testing::AllOf(testing::HasSubstr("job: kernels[0]: symbol: found 'printf'"),
                             testing::HasSubstr("expected 'triage_")));
  EXPECT_THAT(refused("/kernels/0/edge", "feet"), testing::HasSubstr("found 'feet'"));
  EXPECT_THAT(refused("/kernels/1/schedule", "fast"), testing::HasSubstr("found 'fast'"));
  EXPECT_THAT(refused("/kernels/1/kernel", "int8"), testing::HasSubstr("found 'int8'"));
}

// In place of triage-kernels: programs that fail in every way.
TEST(KernelSet, WhatBecameOfTheProgramIsSaid) {
  const TempDir directory;
  const fs::path file = directory / "kernels.so", program = directory / "program";
  const auto refused = [&](const char* script) {
    write_file_atomic(program, std::string("#!/bin/sh\n") + script);
    fs::permissions(program, fs::perms::owner_all);
    return error_of([&] { small_library().write(file, program); });
  };
  const std::string command = program.string() + " library " + file.string() + ": ";
  EXPECT_EQ(refused("kill -SEGV $$"), command + "ended by SIGSEGV: it said nothing");
  EXPECT_EQ(refused("echo LLVM ERROR: cannot select >&2; kill -ABRT $$"),
            command + "ended by SIGABRT: LLVM ERROR: cannot select");
  EXPECT_EQ(refused("exit 3"), command + "ended with exit code 3: it said nothing");
  EXPECT_EQ(refused("exit 0"), file.string() + ": expected a library from " + program.string() + ", found none");
  fs::remove(program);
  EXPECT_EQ(error_of([&] { small_library().write(file, program); }),
            program.string() + ": cannot be started: No such file or directory");
  EXPECT_FALSE(fs::exists(file));
}

TEST(KernelSet, ATuningThatEndedIsTold) {
  const TempDir directory;
  const fs::path program = directory / "program";
  const TuneJob job{.target = target_from_name("avx2"),
                    .store = directory / "store.sqlite",
                    .keys = {KernelKey::parse("int8 32->64 16x16")}};
  const auto refused = [&](const char* script) {
    write_file_atomic(program, std::string("#!/bin/sh\n") + script);
    fs::permissions(program, fs::perms::owner_all);
    return error_of([&] { run_tune_job(job, program, {}); });
  };
  EXPECT_EQ(refused("echo disk full >&2; exit 1"), program.string() + " tune: ended with exit code 1: disk full");
  EXPECT_EQ(refused("kill -KILL $$"), program.string() + " tune: ended by SIGKILL: it said nothing");
  EXPECT_EQ(refused("exit 0"), program.string() + ": found 0 tuned kernels, expected 1");
}

}  // namespace
}  // namespace triage::compiler
