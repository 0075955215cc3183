#include "engine/compiled/compiled_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "core/test_support.h"
#include "engine/compiled/proof_record.h"
#include "engine/testing/test_program.h"

namespace triage::engine {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

// As though each thread made a run faster: these programs are too small for that.
CompiledOptions on_all(int threads, bool spinning = false) {
  CompiledOptions options{.threads = threads, .allow_spinning = spinning};
  options.seconds_of_run = [](int of) { return 1.0 / of; };
  return options;
}

class CompiledSessionTest : public testing::Test {
 protected:
  CompiledSessionTest() { fs::copy_file(TESTING_KERNELS, directory_ / "kernels.so"); }

  StageProgram good() const { return test_.program(directory_ / "kernels.so"); }
  std::string save(const StageProgram& program) const {
    save_program(directory_ / "stage.program", program);
    return (directory_ / "stage.program").string();
  }
  std::unique_ptr<Session> open(const StageProgram& program, const CompiledOptions& options = {}) const {
    auto opened = open_compiled(save(program), options);
    if (!opened) throw Error(opened.error().message);
    return std::move(*opened);
  }
  std::string refusal(ErrorCode code, const StageProgram& program, const CompiledOptions& options = {}) const {
    const auto opened = open_compiled(save(program), options);
    if (opened) return "no error";
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    return opened.error().message;
  }
  std::vector<float> images(int count) const {
    std::vector<float> values(static_cast<std::size_t>(count * test_.n));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101);
    return values;
  }
  // Runs `count` images and compares every output.
  void check(const Session& session, int count) const {
    const std::size_t n = static_cast<std::size_t>(test_.n);
    const std::vector<float> input = images(count);
    std::vector<float> logits(input.size()), features(input.size()), carry(input.size());
    const Status status = session.run(count, {input.data(), logits.data(), features.data(), carry.data()});
    ASSERT_TRUE(status) << status.error().message;
    for (std::size_t i = 0; i < input.size(); i += n) {
      const std::span image(&input[i], n);
      const auto row = [&](const std::vector<float>& all) { return std::vector<float>(&all[i], &all[i] + n); };
      EXPECT_EQ(row(logits), test_.expected_logits(image));
      EXPECT_EQ(row(features), test_.expected_features(image));
      EXPECT_EQ(row(carry), test_.expected_carry(image));
    }
  }

  TempDir directory_;
  TestProgram test_;
};

TEST_F(CompiledSessionTest, ComputesInOneThreadAndInMore) {
  for (const int threads : {1, 2, 3}) {
    for (const bool spinning : {false, true}) {
      const auto session = open(good(), on_all(threads, spinning));
      EXPECT_EQ(session->threads(), threads);
      EXPECT_EQ(session->info().input_name, "image");
      EXPECT_EQ(session->info().input_size, 12);
      check(*session, 1);
      check(*session, 5);
    }
  }
}

TEST_F(CompiledSessionTest, LeavesOutWhatNobodyWantsUnlessItIsRead) {
  const auto session = open(good(), on_all(2));
  const std::vector<float> input = images(2);
  std::vector<float> logits(input.size());
  ASSERT_TRUE(session->run(2, {.input = input.data(), .logits = logits.data()}));
  EXPECT_EQ(std::vector<float>(logits.begin(), logits.begin() + 12), test_.expected_logits({input.data(), 12}));
  std::vector<float> features(input.size());
  ASSERT_TRUE(session->run(2, {.input = input.data(), .logits = logits.data(), .features = features.data()}));
  EXPECT_EQ(std::vector<float>(features.begin(), features.begin() + 12), test_.expected_features({input.data(), 12}));
}

TEST_F(CompiledSessionTest, SharesOutWholeUnitsAndTheRestGoesToTheLast) {
  StageProgram program = good();
  program.kernels = {"extent"};
  program.shape.feature_width = program.shape.carry_size = 0;
  program.steps = {{.kernel = 0, .arguments = {line(View::Memory::logits, 12)}, .split = 0, .split_unit = 5}};
  std::vector<float> logits_of(12);
  const std::vector<float> input = images(1);
  const StageTensors buffers{.input = input.data(), .logits = logits_of.data()};
  ASSERT_TRUE(open(program, on_all(2))->run(1, buffers));
  EXPECT_THAT(logits_of, ElementsAre(5, 5, 5, 5, 5, 7, 7, 7, 7, 7, 7, 7));
  ASSERT_TRUE(open(program)->run(1, buffers));
  EXPECT_THAT(logits_of, Each(12));
  for (const int unit : {7, 13}) {  // nothing to share
    program.steps[0].split_unit = unit;
    ASSERT_TRUE(open(program, on_all(2))->run(1, buffers));
    EXPECT_THAT(logits_of, Each(12));
  }
  program.steps[0].split = -1;
  ASSERT_TRUE(open(program, on_all(2))->run(1, buffers));
  EXPECT_THAT(logits_of, Each(12));
}

TEST_F(CompiledSessionTest, ManyCallersAtOnce) {
  for (const int threads : {1, 2}) {
    const auto session = open(good(), on_all(threads));
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 6; ++caller) {
      callers.emplace_back([&] {
        for (int i = 0; i < 40; ++i) check(*session, 1 + i % 3);
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
}

TEST_F(CompiledSessionTest, StagesShareATeam) {
  CompiledOptions options = on_all(1);
  options.team = std::make_shared<ThreadTeam>(2);
  const auto first = open(good(), options), second = open(good(), options);
  for (int i = 0; i < 20; ++i) {
    check(*first, 1);
    check(*second, 2);
  }
}

TEST_F(CompiledSessionTest, AKernelThatFailsIsNamedAndTheNextRunIsFine) {
  StageProgram program = good();
  program.kernels.push_back("fail_on_negative");
  program.steps.push_back(
      {.kernel = 3, .arguments = {line(View::Memory::input, 12), line(View::Memory::map, 12, 0, 1)}});
  for (const int threads : {1, 2}) {
    const auto session = open(program, on_all(threads));
    std::vector<float> image = images(1), out(12);
    image[0] = -1;
    const Status status = session->run(1, {.input = image.data(), .logits = out.data()});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::engine_failure);
    EXPECT_THAT(status.error().message,
                HasSubstr("stage.program: step 4: kernel 'fail_on_negative' failed with code 7"));
    check(*session, 2);
  }
}

TEST_F(CompiledSessionTest, RefusesWhatWasCompiledForAnother) {
  StageProgram program = good();
  program.architecture = "sparc64";
  EXPECT_THAT(refusal(ErrorCode::unsupported, program),
              HasSubstr("stage.program: compiled for architecture 'sparc64', this process is '"));
  program = good();
  program.features = {"no_such_flag"};
  EXPECT_THAT(refusal(ErrorCode::unsupported, program),
              AllOf(HasSubstr("compiled for a CPU with no_such_flag, this one ("), HasSubstr("has no no_such_flag")));
}

TEST_F(CompiledSessionTest, RefusesFilesThatAreNotThoseOfThePlan) {
  const StageProgram program = good();
  const std::string file = save(program), hash = sha256_file(file);
  EXPECT_EQ(refusal(ErrorCode::damaged, program, {.sha256 = hash}), "no error");
  EXPECT_THAT(refusal(ErrorCode::damaged, program, {.sha256 = std::string(64, '0')}),
              HasSubstr("sha256: found " + hash + ", expected " + std::string(64, '0')));
  EXPECT_THAT(refusal(ErrorCode::bad_input, program, {.threads = 0}), HasSubstr("threads: found 0"));
  StageProgram other = program;
  other.kernels[1] = "no_such_kernel";
  EXPECT_THAT(refusal(ErrorCode::damaged, other), HasSubstr("kernels.so: kernel 'no_such_kernel': not found"));

  std::string bytes = read_file(directory_ / "kernels.so");
  write_file_atomic(directory_ / "kernels.so", bytes + "x");
  EXPECT_THAT(refusal(ErrorCode::damaged, program),
              AllOf(HasSubstr("kernels.so: sha256: found "), HasSubstr("expected " + program.library_sha256)));
  write_file_atomic(directory_ / "kernels.so", "no library");
  other = test_.program(directory_ / "kernels.so");
  EXPECT_THAT(refusal(ErrorCode::damaged, other), HasSubstr("kernels.so: cannot be loaded"));
  fs::remove(directory_ / "kernels.so");
  EXPECT_THAT(refusal(ErrorCode::not_found, program), HasSubstr("kernels.so: no such file"));
  fs::remove(file);
  const auto missing = open_compiled(file, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

StageProgram with_last_kernel(StageProgram program, const std::string& kernel) {
  program.kernels.push_back(kernel);
  program.steps.push_back(
      {.kernel = 3, .arguments = {line(View::Memory::input, 12), line(View::Memory::map, 12, 0, 1)}, .name = "last"});
  return program;
}

TEST_F(CompiledSessionTest, AKernelThatDiesIsNamedAndRemembered) {
  const StageProgram program = with_last_kernel(good(), "illegal");
  const ProofRecord record(directory_ / "kernels.so", program.library_sha256, "a cpu");
  for (int time = 0; time < 2; ++time) {
    EXPECT_THAT(refusal(ErrorCode::unsupported, program, {.cpu = "a cpu"}),
                HasSubstr("stage.program: kernel 'illegal' (step 4, last) was killed by SIGILL when it was tried in a "
                          "child process on this CPU ("));
  }
  const std::string file = sha256_file(directory_ / "stage.program");
  EXPECT_EQ(record.find(file), "kernel 'illegal' (step 4, last) was killed by SIGILL");
  record.add(file, "what the record says");
  EXPECT_THAT(refusal(ErrorCode::unsupported, program, {.cpu = "a cpu"}), HasSubstr("what the record says"));
  EXPECT_THAT(refusal(ErrorCode::unsupported, program, {.cpu = "another"}), HasSubstr("kernel 'illegal'"));
  check(*open(good(), {.cpu = "a cpu"}), 2);  // another program of the same library
}

TEST_F(CompiledSessionTest, WhatRanOnceIsNotTriedAgain) {
  const StageProgram program = with_last_kernel(good(), "fail_on_negative");
  const auto record = [&](const std::string& cpu) {
    return ProofRecord(directory_ / "kernels.so", program.library_sha256, cpu);
  };
  check(*open(program, {.cpu = "a cpu"}), 1);
  const std::string file = sha256_file(directory_ / "stage.program");
  EXPECT_EQ(record("a cpu").find(file), "");
  EXPECT_EQ(record("another").find(file), std::nullopt);
  check(*open(program, {.trial_seconds = 0, .cpu = "a cpu"}), 1);  // a trial would have no time
  check(*open(program, {.cpu = "another"}), 1);
  EXPECT_EQ(record("another").find(file), "");
  (void)open(program);
  EXPECT_EQ(record(cpu_identity()).find(file), "");
}

TEST_F(CompiledSessionTest, ADirectoryThatCannotBeWrittenIsFine) {
  const StageProgram program = with_last_kernel(good(), "illegal");
  fs::create_directory(ProofRecord(directory_ / "kernels.so", program.library_sha256, "a cpu").file());
  for (int time = 0; time < 2; ++time) {
    EXPECT_THAT(refusal(ErrorCode::unsupported, program, {.cpu = "a cpu"}), HasSubstr("was killed by SIGILL"));
    check(*open(good(), {.cpu = "a cpu"}), 1);
  }
}

TEST_F(CompiledSessionTest, WhatDoesNotEndIsRefusedAndTriedAgain) {
  const StageProgram program = with_last_kernel(good(), "endless");
  const ProofRecord record(directory_ / "kernels.so", program.library_sha256, "a cpu");
  EXPECT_THAT(refusal(ErrorCode::unsupported, program, {.trial_seconds = 0.05, .cpu = "a cpu"}),
              HasSubstr("kernel 'endless' (step 4, last) did not end"));
  EXPECT_EQ(record.find(sha256_file(directory_ / "stage.program")), std::nullopt);  // it may have been the machine
}

TEST_F(CompiledSessionTest, TakesAsManyThreadsAsMakeItFaster) {
  for (const auto& [most, best] : {std::pair(4, 1), {4, 2}, {4, 4}, {3, 3}, {2, 1}, {1, 1}}) {
    CompiledOptions options{.threads = most};
    options.seconds_of_run = [&](int threads) { return threads == best ? 50e-6 : 100e-6; };
    const auto session = open(good(), options);
    EXPECT_EQ(session->threads(), best);
    check(*session, 3);
  }
  StageProgram program = good();
  program.kernels = {"extent"};
  program.shape.feature_width = program.shape.carry_size = 0;
  program.steps = {{.kernel = 0, .arguments = {line(View::Memory::logits, 12)}, .split = 0, .split_unit = 1}};
  const auto session =
      open(program, {.threads = 4, .seconds_of_run = [](int threads) { return threads == 2 ? 1 : 2; }});
  std::vector<float> logits_of(12);
  const std::vector<float> input = images(1);
  ASSERT_TRUE(session->run(1, {.input = input.data(), .logits = logits_of.data()}));
  EXPECT_THAT(logits_of, Each(6));
}

TEST_F(CompiledSessionTest, RunsTheBytesThatWereChecked) {
  const auto session = open(good());
  {
    std::ofstream same_file(directory_ / "kernels.so", std::ios::in | std::ios::out | std::ios::binary);  // in place
    same_file << std::string(fs::file_size(directory_ / "kernels.so"), 'x');
  }
  check(*session, 3);
}

TEST_F(CompiledSessionTest, LibrariesAreToldApartAndSharedByContent) {
  const fs::path first = directory_ / "kernels.so", second = directory_ / "second.so";
  write_file_atomic(second, read_file(first) + "x");
  KernelLibraries libraries;
  const auto a = libraries.open(first, sha256_file(first));
  const auto b = libraries.open(second, sha256_file(second));  // from the descriptor that the first one had
  EXPECT_NE(a->kernel("scale"), b->kernel("scale"));
  EXPECT_EQ(libraries.open(first, sha256_file(first)), a);
}

TEST_F(CompiledSessionTest, RefusesBadCalls) {
  StageProgram program = good();
  program.shape.carry_size = 0;
  program.steps.erase(program.steps.begin() + 1);
  const auto session = open(program);
  std::vector<float> row(12);
  EXPECT_FALSE(session->run(0, {.input = row.data(), .logits = row.data()}));
  EXPECT_FALSE(session->run(1, {.input = row.data()}));
  const Status status = session->run(1, {.input = row.data(), .logits = row.data(), .carry = row.data()});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::bad_input);
  EXPECT_THAT(status.error().message, HasSubstr("output 'carry': wanted, but the stage has none"));
}

}  // namespace
}  // namespace triage::engine
