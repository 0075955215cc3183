#include "engine/onnxruntime/onnx_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/defs/schema.h>

#include <cstdio>
#include <thread>

#include "core/files/file.h"
#include "engine/session.h"
#include "engine/status.h"
#include "engine/testing/test_models.h"

namespace triage::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<Session> open(const TestModel& model, const OnnxOptions& options = {}) {
  return make_onnx_session(model.bytes(), "test.onnx", options);
}

std::vector<float> inputs(const TestModel& model, int n) {
  TestModel source = model;
  source.seed = 77;
  return source.weights(n * model.input_size(), 9);
}

struct Outputs {
  Outputs(const SessionInfo& shape, int n)
      : logits(n * shape.classes), features(n * shape.feature_width), carry(n * shape.carry_size) {}
  std::vector<float> logits, features, carry;
  StageTensors buffers(const std::vector<float>& input) {
    const auto data = [](std::vector<float>& v) { return v.empty() ? nullptr : v.data(); };
    return {input.data(), logits.data(), data(features), data(carry)};
  }
};

// Against the plain loops of TestModel; 1e-5 is a few rounding errors of sums of a few dozen terms of size one.
void expect_right(const TestModel& model, const Session& session, int n) {
  const std::vector<float> input = inputs(model, n);
  Outputs got(session.info(), n);
  const Status status = session.run(n, got.buffers(input));
  ASSERT_TRUE(status) << status.error().message;
  const auto compare = [&](const std::vector<float>& found, const std::vector<float>& want, int i) {
    for (std::size_t k = 0; k < want.size(); ++k) ASSERT_NEAR(found[i * want.size() + k], want[k], 1e-5) << i;
  };
  for (int i = 0; i < n; ++i) {
    const std::span image = std::span(input).subspan(i * model.input_size(), model.input_size());
    compare(got.logits, model.logits(image), i);
    if (!got.features.empty()) compare(got.features, model.pooled(image), i);
    if (!got.carry.empty()) compare(got.carry, model.carry(image), i);
  }
}

// In a process of its own, so that this is its first session. Another ONNX Runtime is there already, as that of Python.
TEST(OnnxSessionDeathTest, TheFirstSessionPrintsNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto load = [] {
    auto& domains = onnx::OpSchemaRegistry::DomainToVersionRange::Instance();
    domains.AddDomainToVersion("com.microsoft.experimental", 1, 1);
    domains.AddDomainToVersion("host", 1, 7);
    expect_right(TestModel{}, *open(TestModel{}), 2);
    // Somebody who checks models in the same process still finds the operators.
    const bool known = onnx::OpSchemaRegistry::Schema("Conv") != nullptr && domains.Map().at("host").second == 7 &&
                       domains.Map().contains("com.microsoft");
    std::fprintf(stderr, "done");
    std::exit(known && !testing::Test::HasFailure() ? 0 : 1);
  };
  EXPECT_EXIT(load(), testing::ExitedWithCode(0), AllOf(HasSubstr("done"), Not(HasSubstr("Schema error"))));
}

TEST(OnnxSession, ShapesComeFromTheModel) {
  TestModel model;
  model.with_carry = true;
  const SessionInfo shape = open(model)->info();
  EXPECT_EQ(shape.input_name, "image");
  EXPECT_EQ(shape.input_dims, (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(shape.input_size, 60);
  EXPECT_EQ(shape.classes, 4);
  EXPECT_EQ(shape.feature_width, 6);
  EXPECT_EQ(shape.carry_size, 120);
}

TEST(OnnxSession, AnyBatchAgreesWithPlainLoops) {
  TestModel image, carry;
  image.with_carry = true;
  carry.from_carry = true;
  const auto first = open(image), second = open(carry);
  EXPECT_EQ(second->info().input_size, first->info().carry_size);
  for (int n : {1, 2, 64, 3}) {
    expect_right(image, *first, n);
    expect_right(carry, *second, n);
  }
}

TEST(OnnxSession, OutputsNotWantedAreNotTouched) {
  TestModel model;
  model.with_carry = true;
  const auto session = open(model);
  const std::vector<float> input = inputs(model, 1);
  Outputs all(session->info(), 1), some(session->info(), 1);
  ASSERT_TRUE(session->run(1, all.buffers(input)));
  ASSERT_TRUE(session->run(1, {.input = input.data(), .logits = some.logits.data()}));
  EXPECT_EQ(some.logits, all.logits);
}

TEST(OnnxSession, ThreadsRunOneSession) {
  const TestModel model;
  const auto session = open(model, {.threads = 2});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) expect_right(model, *session, 1 + round);
    });
  }
}

void expect_right_or_refused(const char* provider) {
  try {
    expect_right(TestModel{}, *open(TestModel{}, {.provider = provider}), 3);
  } catch (const Failure& failure) {  // where this build of ONNX Runtime lacks it
    EXPECT_EQ(failure.code, ErrorCode::unsupported);
    EXPECT_THAT(failure.what(), HasSubstr(provider));
  }
}

TEST(OnnxSession, XnnpackRunsOrIsRefusedByName) { expect_right_or_refused("xnnpack"); }

TEST(OnnxSession, DnnlRunsOrIsRefusedByName) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "on some CPUs this provider frees an object with another size than it was made with";
#endif
  expect_right_or_refused("dnnl");
}

std::string error_of(const onnx::ModelProto& model, const OnnxOptions& options = {}) {
  try {
    make_onnx_session(model.SerializeAsString(), "test.onnx", options);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no error";
}

TEST(OnnxSession, ANetworkOfOneBatchSizeRunsAnyNumberOfImages) {
  const TestModel test;
  onnx::ModelProto model = test.model();
  const auto fix = [](onnx::ValueInfoProto& value) {
    value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(4);
  };
  fix(*model.mutable_graph()->mutable_input(0));
  for (auto& output : *model.mutable_graph()->mutable_output()) fix(output);
  const auto session = make_onnx_session(model.SerializeAsString(), "test.onnx", {});
  for (const int n : {1, 3, 4, 5, 8, 11}) expect_right(test, *session, n);
}

TEST(OnnxSession, ModelsThatDoNotFitAreRefusedByName) {
  const TestModel test;
  EXPECT_THAT(
      error_of(test.model(), {.provider = "tpu"}),
      AllOf(HasSubstr("provider: found 'tpu', expected cpu, xnnpack or dnnl"), HasSubstr("CPUExecutionProvider")));
  EXPECT_EQ(error_of(test.model(), {.threads = 0}), "threads: found 0, expected 1 to 1024");

  onnx::ModelProto model = test.model();
  auto* shape = model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->mutable_dim(0)->set_dim_value(5000);
  EXPECT_THAT(
      error_of(model),
      HasSubstr("test.onnx: input 'image': found shape [5000,3,4,5], expected a batch, free or of at most 4096"));
  shape->mutable_dim(0)->set_dim_param("N");
  shape->mutable_dim(2)->set_dim_param("H");
  EXPECT_THAT(error_of(model), HasSubstr("input 'image': found shape [?,3,?,5]"));

  model = test.model();
  model.mutable_graph()->mutable_input(0)->set_name("pixels");
  model.mutable_graph()->mutable_node(0)->set_input(0, "pixels");
  EXPECT_EQ(error_of(model), "test.onnx: input's name: found 'pixels', expected 'image' or 'carry_in'");

  model = test.model();
  model.mutable_graph()->mutable_output(0)->set_name("answers");
  model.mutable_graph()->mutable_node(4)->set_output(0, "answers");
  EXPECT_EQ(error_of(model), "test.onnx: output 'logits': not found");

  model = test.model();
  model.mutable_graph()->mutable_node(1)->set_op_type("Rilu");
  EXPECT_THAT(error_of(model), AllOf(HasSubstr("test.onnx: ONNX Runtime refuses the model"), HasSubstr("Rilu")));

  model = test.model();
  model.mutable_graph()->mutable_initializer(0)->mutable_float_data()->Truncate(7);  // fewer weights than its shape
  EXPECT_THAT(error_of(model), HasSubstr("test.onnx: ONNX Runtime refuses the model"));
}

TEST(OnnxSession, FilesThatCannotBeReadAreNamed) {
  const fs::path file = fs::path(testing::TempDir()) / "triage_onnx_session_test.onnx";
  const auto missing = open_onnx("nowhere/stage.onnx", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().message, "nowhere/stage.onnx: no such file");
  const std::string whole = TestModel{}.bytes();
  for (std::size_t bytes : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
    write_file_atomic(file, std::string_view(whole).substr(0, bytes));
    const auto cut = open_onnx(file.string(), {});
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, ErrorCode::damaged);
    EXPECT_THAT(cut.error().message, HasSubstr(file.string()));
  }
  write_file_atomic(file, whole);
  EXPECT_TRUE(open_onnx(file.string(), {}));
  fs::remove(file);
}

TEST(OnnxSession, MisuseIsAnError) {
  TestModel model;
  model.with_features = false;
  const auto session = open(model);
  EXPECT_EQ(session->info().feature_width, 0);
  const std::vector<float> input = inputs(model, 1);
  std::vector<float> out(100);
  EXPECT_FALSE(session->run(0, {.input = input.data(), .logits = out.data()}));
  EXPECT_FALSE(session->run(1, {.logits = out.data()}));
  const Status status = session->run(1, {.input = input.data(), .logits = out.data(), .features = out.data() + 50});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "test.onnx: output 'features': wanted, but the stage has none");
}

}  // namespace
}  // namespace triage::engine
