#include "engine/spec.h"

#include <gmock/gmock.h>

#include "core/error.h"

namespace triage::engine {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    EngineSpec::parse(text, "plan.json: stages[0].artifacts[0].engine");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(EngineSpec, TextAndParseAreInverse) {
  for (const EngineSpec& spec :
       {EngineSpec{}, EngineSpec{.provider = kXnnpack, .threads = 4}, EngineSpec{.precision = "int8"},
        EngineSpec{.engine = kCompiled, .provider = kTuned},
        EngineSpec{.engine = kCompiled, .provider = kUntuned, .precision = "fp32", .threads = 1024},
        EngineSpec{.engine = kCheck, .provider = "compiled,onnxruntime"},
        EngineSpec{.engine = "tensorrt", .provider = "", .device = "cuda:1"}}) {
    EXPECT_EQ(EngineSpec::parse(spec.text(), ""), spec) << spec.text();
  }
}

TEST(EngineSpec, WhatIsAsUsualIsLeftOut) {
  EXPECT_EQ(EngineSpec{}.text(), "onnxruntime");
  EXPECT_EQ(spec_of_engine(kCompiled).text(), "compiled");
  EXPECT_EQ((EngineSpec{.provider = kXnnpack, .precision = "int8", .threads = 2, .device = "cuda:0"}.text()),
            "onnxruntime:xnnpack;precision=int8;threads=2;device=cuda:0");
  EXPECT_EQ(EngineSpec::parse("compiled;threads=1", "").text(), "compiled");
}

TEST(EngineSpec, RefusesWhatItCannotReadNamingThePlace) {
  for (const char* const text : {"", ":cpu", "onnxruntime:", "ONNX Runtime", "check:,onnxruntime", "../x"}) {
    EXPECT_THAT(refusal(text), HasSubstr("plan.json: stages[0].artifacts[0].engine: found '")) << text;
  }
  EXPECT_THAT(refusal("compiled;threads=0"), HasSubstr("threads: found '0', expected 1 to 1024"));
  EXPECT_THAT(refusal("compiled;threads=2x"), HasSubstr("threads: found '2x'"));
  EXPECT_THAT(refusal("compiled;speed=9"), HasSubstr("found 'speed=9', expected precision=, threads= or device="));
}

TEST(EngineSpec, AProviderAloneNamesItsEngine) {
  for (const ProviderName& name : kProviderNames) {
    const EngineSpec spec = spec_of_provider(name.provider);
    EXPECT_EQ(spec.engine, name.engine);
    EXPECT_EQ(spec.provider, name.provider);
  }
  EXPECT_EQ(spec_of_provider(kUntuned).text(), "compiled:compiled-untuned");
  EXPECT_THROW(spec_of_provider("gpu"), Error);
}

}  // namespace
}  // namespace triage::engine
