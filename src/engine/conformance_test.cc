// Every engine is held to the same table of cases: what session.h and engine.h promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/test_support.h"
#include "engine/fake/fake_session.h"
#include "engine/registry.h"
#include "engine/status.h"
#include "engine/testing/test_models.h"
#include "engine/testing/test_program.h"

namespace triage::engine {
namespace {

using testing::HasSubstr;
using Floats = std::vector<float>;

struct Answer {
  Floats logits, features, carry;
};

// A stage in an engine's form, and what it computes as plain loops.
struct Subject {
  const char* spec;
  bool has_carry = true;

  TestModel model() const { return {.features = 12, .classes = 12, .with_carry = has_carry}; }
  bool is_onnx() const { return std::string_view(spec) != kCompiled; }
  std::size_t image_size() const { return is_onnx() ? static_cast<std::size_t>(model().input_size()) : 12; }

  std::vector<Artifact> write(const fs::path& directory) const {
    const fs::path file = directory / "stage";
    if (is_onnx()) {
      write_file_atomic(file, model().bytes());
    } else {
      fs::copy_file(TESTING_KERNELS, directory / "kernels.so");
      save_program(file, TestProgram{}.program(directory / "kernels.so"));
    }
    return {
        {.engine = spec_of_engine(is_onnx() ? kOnnxRuntime : kCompiled), .file = "stage", .sha256 = sha256_file(file)}};
  }

  Answer expected(std::span<const float> image) const {
    if (!is_onnx()) {
      const TestProgram program;
      return {program.expected_logits(image), program.expected_features(image), program.expected_carry(image)};
    }
    return {model().logits(image), model().pooled(image), model().carry(image)};
  }
};

class Conformance : public testing::TestWithParam<Subject> {
 protected:
  Conformance() : artifacts_(GetParam().write(directory_.path())) {}

  std::unique_ptr<Session> open(int threads = 1) const {
    EngineSpec spec = parse_engine(GetParam().spec);
    spec.threads = threads;
    return engine_for(spec).opener(spec, {})->open(artifacts_, directory_.path());
  }
  ErrorCode refusal() const {
    try {
      open();
    } catch (const Failure& failure) {
      return failure.code;
    }
    ADD_FAILURE() << "opened";
    return ErrorCode::engine_failure;
  }
  static Floats images(int n) {
    Floats values(static_cast<std::size_t>(n) * GetParam().image_size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101) / 101;
    return values;
  }
  static void expect_right(const Session& session, int n) {
    const SessionInfo& info = session.info();
    const Floats input = images(n);
    const auto rows = static_cast<std::size_t>(n);
    Answer found{Floats(rows * info.classes), Floats(rows * info.feature_width), Floats(rows * info.carry_size)};
    const Status status = session.run(
        n, {input.data(), found.logits.data(), found.features.data(), info.carry_size ? found.carry.data() : nullptr});
    ASSERT_TRUE(status) << status.error().message;
    for (std::size_t i = 0; i < rows; ++i) {
      const auto row = [&](const Floats& all) {
        return std::span(all).subspan(i * all.size() / rows, all.size() / rows);
      };
      const Answer expected = GetParam().expected(row(input));
      EXPECT_THAT(row(found.logits), testing::Pointwise(testing::FloatNear(1e-4f), expected.logits)) << i;
      EXPECT_THAT(row(found.features), testing::Pointwise(testing::FloatNear(1e-4f), expected.features)) << i;
      if (info.carry_size) {
        EXPECT_THAT(row(found.carry), testing::Pointwise(testing::FloatNear(1e-4f), expected.carry)) << i;
      }
    }
  }

  TempDir directory_;
  std::vector<Artifact> artifacts_;
};

TEST_P(Conformance, SaysItsSizes) {
  const auto session = open();
  const SessionInfo& info = session->info();
  EXPECT_EQ(info.input_size, static_cast<int>(GetParam().image_size()));
  EXPECT_EQ(info.classes, 12);
  EXPECT_EQ(info.feature_width, 12);
  EXPECT_EQ(info.carry_size > 0, GetParam().has_carry);
  EXPECT_EQ(info.input_name, "image");
}

TEST_P(Conformance, AnyBatchAgreesWithPlainLoops) {
  const auto session = open();
  for (const int n : {1, 2, 7}) expect_right(*session, n);
}

TEST_P(Conformance, ThreadsShareASession) {
  const auto session = open(2);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) expect_right(*session, 2);
    });
  }
}

TEST_P(Conformance, WhatIsNotWantedIsLeftOut) {
  const auto session = open();
  const Floats input = images(1);
  Floats logits(12), all(12), features(12);
  ASSERT_TRUE(session->run(1, {input.data(), all.data(), features.data()}));
  ASSERT_TRUE(session->run(1, {input.data(), logits.data()}));
  EXPECT_EQ(logits, all);
}

TEST_P(Conformance, MisuseIsAnError) {
  const auto session = open();
  const Floats input = images(1);
  Floats logits(12);
  for (const Status& status : {session->run(0, {input.data(), logits.data()}),
                               session->run(1, {nullptr, logits.data()}), session->run(1, {input.data(), nullptr})}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::bad_input);
    EXPECT_THAT(status.error().message, HasSubstr("expected n >= 1"));
  }
  if (GetParam().has_carry) return;
  const Status status = session->run(1, {input.data(), logits.data(), nullptr, logits.data()});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("output 'carry': wanted, but the stage has none"));
}

TEST_P(Conformance, FilesAreHeldAgainstTheirChecksum) {
  artifacts_[0].sha256[0] = artifacts_[0].sha256[0] == 'a' ? 'b' : 'a';
  EXPECT_EQ(refusal(), ErrorCode::damaged);
  artifacts_[0].file = "missing";
  EXPECT_EQ(refusal(), ErrorCode::not_found);
}

TEST_P(Conformance, FilesOfOtherEnginesAreRefused) {
  artifacts_[0].engine = EngineSpec::parse("tensorrt", "");
  EXPECT_EQ(refusal(), ErrorCode::unsupported);
}

INSTANTIATE_TEST_SUITE_P(Engines, Conformance,
                         testing::Values(Subject{kOnnxRuntime}, Subject{kOnnxRuntime, false}, Subject{kCompiled},
                                         Subject{"check:onnxruntime,onnxruntime"}));

TEST(FakeSession, IsHeldToTheSameMisuse) {
  const FakeSession fake({.input_size = 1, .classes = 1}, [](const FakeRow& row) { row.logits[0] = row.input[0]; });
  const float input = 3;
  float logits = 0;
  EXPECT_TRUE(fake.run(1, {&input, &logits}));
  EXPECT_EQ(logits, 3);
  EXPECT_FALSE(fake.run(0, {&input, &logits}));
  EXPECT_FALSE(fake.run(1, {nullptr, &logits}));
  EXPECT_FALSE(fake.run(1, {&input, &logits, &logits}));
}

}  // namespace
}  // namespace triage::engine
