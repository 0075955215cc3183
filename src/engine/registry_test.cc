#include "engine/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/check/check_engine.h"
#include "engine/fake/fake_session.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

TEST(Registry, FindsEveryEngineByItsName) {
  for (const Engine* const engine : engines()) EXPECT_EQ(&find_engine(engine->name()), engine);
  EXPECT_EQ(find_engine(kCheck).name(), kCheck);
  EXPECT_EQ(engines().front()->name(), kCompiled);  // what auto tries first
  EXPECT_EQ(engines().back()->name(), kOnnxRuntime);
}

TEST(Registry, RefusesNamesThatThereAreNot) {
  EXPECT_EQ(triage::error_of([] { find_engine("tpu"); }),
            "engine: found 'tpu', expected auto, onnxruntime, compiled or check:ENGINE,ENGINE");
  try {
    parse_engine("Compiled!");
    FAIL() << "parsed";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code, ErrorCode::bad_input);
  }
  EXPECT_EQ(parse_engine("onnxruntime:xnnpack;threads=2").provider, kXnnpack);
}

TEST(Registry, SaysWhyASpecCannotRunHere) {
  const auto why = [](const char* text) {
    const EngineSpec spec = EngineSpec::parse(text, "");
    return find_engine(spec.engine).available(spec).value_or("available");
  };
  EXPECT_EQ(why("onnxruntime"), "available");
  EXPECT_EQ(why("compiled"), "available");
  EXPECT_EQ(why("check:compiled,onnxruntime"), "available");
  EXPECT_THAT(why("onnxruntime:tpu"), AllOf(HasSubstr("provider: found 'tpu', expected cpu, xnnpack or dnnl"),
                                            HasSubstr("CPUExecutionProvider")));
  EXPECT_EQ(why("onnxruntime;device=cuda:0"), "device: found 'cuda:0', expected cpu");
  EXPECT_EQ(why("compiled:cpu"), "provider: found 'cpu', expected compiled or compiled-untuned");
  EXPECT_THAT(why("check:compiled"), HasSubstr("found 'compiled', expected two engines"));
  EXPECT_THAT(why("check:compiled,tpu"), HasSubstr("engine: found 'tpu'"));
  EXPECT_THAT(triage::error_of([] { engine_for(EngineSpec::parse("compiled;device=cuda:0", "")); }),
              HasSubstr("engine 'compiled;device=cuda:0': device: found 'cuda:0'"));
}

TEST(Registry, AnEngineAcceptsItsOwnFilesThatThisCpuCanRun) {
  const Artifact program{.engine = spec_of_engine(kCompiled), .file = "big.program"};
  EXPECT_FALSE(find_engine(kCompiled).accepts(program));
  EXPECT_EQ(find_engine(kOnnxRuntime).accepts(program), "big.program is for engine 'compiled'");
  Artifact other = program;
  other.needs = {"no_such_flag"};
  EXPECT_THAT(find_engine(kCompiled).accepts(other).value_or("yes"),
              AllOf(HasSubstr("big.program: compiled for a CPU with no_such_flag"), HasSubstr("has no no_such_flag")));
}

TEST(Registry, OffersTheProvidersOfThisBuild) {
  EXPECT_THAT(stage_providers(), AllOf(Contains(kCpu), Contains(kTuned), testing::Not(Contains(kUntuned))));
  EXPECT_EQ(version_of(spec_of_provider(kUntuned)), version_of(spec_of_engine(kCompiled)));
  EXPECT_EQ(name_and_version({}), "onnxruntime " + version_of({}));
}

// A stage of two classes and one feature; answers what the image says, and `off` more in the last logit and feature.
std::unique_ptr<Session> fake(float off, int classes = 2) {
  return std::make_unique<FakeSession>(SessionInfo{.input_size = 1, .classes = classes, .feature_width = 1},
                                       [off](const FakeRow& row) {
                                         for (float& logit : row.logits) logit = row.input[0];
                                         row.logits.back() += row.input[0] == 3 ? off : 0;
                                         if (!row.features.empty()) row.features[0] = 1 + off;
                                       });
}

TEST(CheckEngine, FindsAPlantedDifference) {
  const auto session = checking_session(fake(0), fake(0.01f), "check: little.onnx");
  const float input[] = {1, 2, 3};
  float logits[6], features[3];
  EXPECT_TRUE(session->run(2, {input, logits}));
  EXPECT_EQ(logits[3], 2);
  Status status = session->run(3, {input, logits});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::engine_failure);
  EXPECT_EQ(status.error().message, "check: little.onnx: output 'logits', image 2, element 1: found 3 and 3.01");
  status = session->run(1, {input, logits, features});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("output 'features', image 0, element 0: found 1 and 1.01"));
}

TEST(CheckEngine, ToleratesRounding) {
  const auto session = checking_session(fake(0), fake(3e-4f), "check");
  const float input = 3;  // allowed: 1e-4 + 1e-4 * 3
  float logits[2];
  EXPECT_TRUE(session->run(1, {&input, logits}));
  const auto further = checking_session(fake(0), fake(5e-4f), "check");
  EXPECT_FALSE(further->run(1, {&input, logits}));
}

TEST(CheckEngine, RefusesStagesOfOtherSizes) {
  EXPECT_EQ(triage::error_of([] { checking_session(fake(0), fake(0, 3), "check"); }),
            "check: input, logits, features, carry: found 1, 2, 1, 0 and 1, 3, 1, 0");
}

TEST(CheckEngine, ErrorsOfEitherEngineComeBack) {
  auto broken = std::make_unique<FakeSession>(SessionInfo{.input_size = 1, .classes = 2, .feature_width = 1},
                                              [](const FakeRow&) {});
  broken->fail_with(ErrorInfo{ErrorCode::out_of_memory, "no more"});
  const auto session = checking_session(fake(0), std::move(broken), "check");
  const float input = 1;
  float logits[2];
  const Status status = session->run(1, {&input, logits});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::out_of_memory);
}

}  // namespace
}  // namespace triage::engine
