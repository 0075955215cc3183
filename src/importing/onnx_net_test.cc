#include "importing/onnx_net.h"

#include "importing/test_nets.h"

namespace triage::importing {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_nets::save;
using testing_nets::TestNet;

class OnnxNetTest : public testing::Test {
 protected:
  OnnxNet read(const TestNet& net, const NetRequest& request = {}, int classes = 3) {
    return read(net.model(), request, classes);
  }
  OnnxNet read(const onnx::ModelProto& model, NetRequest request = {}, int classes = 3) {
    request.file = save(model, directory_ / "net.onnx");
    return read_onnx_net(request, classes);
  }
  std::string refused(const onnx::ModelProto& model, const NetRequest& request = {}) {
    return error_of([&] { read(model, request); });
  }

  TempDir directory_;
};

TEST_F(OnnxNetTest, WhatItTakesAndAnswers) {
  const OnnxNet net = read(TestNet{});
  EXPECT_EQ(net.name, "net");
  EXPECT_EQ(net.opset, 17);
  EXPECT_EQ(net.input.name, "x");
  EXPECT_EQ(net.input.layout, preprocess::Layout::nchw);
  EXPECT_EQ(std::tuple(net.input.channels, net.input.height, net.input.width, net.input.batch), std::tuple(3, 4, 5, 0));
  EXPECT_EQ(net.output.name, "y");
  EXPECT_FALSE(net.output.softmax);
  EXPECT_EQ(net.width, 3);
}

TEST_F(OnnxNetTest, LayoutsBatchesTypesAndOldOperators) {
  const OnnxNet nhwc = read(TestNet{.channels = 1, .nhwc = true, .batch = 16, .input = onnx::TensorProto::UINT8});
  EXPECT_EQ(nhwc.input.layout, preprocess::Layout::nhwc);
  EXPECT_EQ(std::tuple(nhwc.input.channels, nhwc.input.height, nhwc.input.width, nhwc.input.batch),
            std::tuple(1, 4, 5, 16));
  EXPECT_EQ(nhwc.input.type, onnx::TensorProto::UINT8);
  const OnnxNet flat = read(TestNet{.batch = 1, .flat = true, .opset = 9});
  EXPECT_EQ(flat.output.dims, std::vector<std::int64_t>{3});
  EXPECT_EQ(flat.opset, 9);
}

TEST_F(OnnxNetTest, ABackgroundClassIsOneMore) { EXPECT_EQ(read(TestNet{.classes = 4}).width, 4); }

TEST_F(OnnxNetTest, AClosingSoftmaxIsSeen) {
  EXPECT_TRUE(read(TestNet{.answer = testing_nets::Answer::softmax}).output.softmax);
  EXPECT_TRUE(read(TestNet{.batch = 1, .flat = true, .answer = testing_nets::Answer::softmax}).output.softmax);
  EXPECT_FALSE(read(TestNet{.answer = testing_nets::Answer::log_softmax}).output.softmax);
}

TEST_F(OnnxNetTest, OfSeveralOutputsTheOneThatFitsOrIsNamed) {
  TestNet net{.classes = 4, .second_output = true};
  EXPECT_EQ(read(net, {}, 4).output.name, "y");  // the means are 3 wide
  net.classes = 3;
  EXPECT_THAT(
      refused(net.model()),
      AllOf(HasSubstr("net.onnx: outputs: found 2 that may be the answer: 'y' FLOAT [?, 3], 'means' FLOAT [?, 3]"),
            HasSubstr("expected one, name it")));
  EXPECT_EQ(read(net, {.output = "means"}).output.name, "means");
  EXPECT_THAT(refused(net.model(), {.output = "z"}), HasSubstr("output 'z': found 'y' FLOAT [?, 3]"));
}

TEST_F(OnnxNetTest, WhatIsNoClassifierIsRefusedByName) {
  EXPECT_THAT(error_of([&] { read(TestNet{}, {}, 10); }),
              HasSubstr("net.onnx: outputs: found 'y' FLOAT [?, 3], expected one of [N, 10], [N, 11]"));
  onnx::ModelProto model = TestNet{}.model();
  model.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(2)
      ->set_dim_param("h");
  EXPECT_THAT(refused(model),
              HasSubstr("input 'x': shape: found [?, 3, ?, 5], expected sizes that are fixed but for the batch"));
  model = TestNet{}.model();
  *model.mutable_graph()->add_input() = model.graph().input(0);
  model.mutable_graph()->mutable_input(1)->set_name("mask");
  EXPECT_THAT(refused(model), HasSubstr("inputs: found 'x' and 'mask', expected one"));
  EXPECT_THAT(refused(TestNet{.channels = 2}.model()),
              HasSubstr("expected 1 or 3 channels in the second or the last place"));
  EXPECT_THAT(refused(TestNet{.input = onnx::TensorProto::INT64}.model()),
              HasSubstr("input 'x': type: found INT64, expected FLOAT, FLOAT16 or UINT8"));
  EXPECT_THAT(refused(TestNet{.opset = 6}.model()), HasSubstr("opset: found 6, expected 7 to 22"));
  model = TestNet{}.model();
  model.mutable_graph()->mutable_node(0)->set_domain("my.company");
  EXPECT_THAT(refused(model), HasSubstr("found operator GlobalAveragePool of domain 'my.company'"));
  write_file_atomic(directory_ / "net.onnx", "no model");
  EXPECT_THAT(error_of([&] { read_onnx_net({.file = directory_ / "net.onnx"}, 3); }),
              HasSubstr("damaged: expected an ONNX model"));
}

onnx::ModelProto with_data_beside(const fs::path& directory, const std::string& location, std::size_t offset = 8) {
  onnx::ModelProto model = TestNet{}.model();
  for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() != "weights") continue;
    if (fs::path(location).is_relative() && location.find("..") == std::string::npos)
      write_file_atomic(directory / location, "12345678" + tensor.raw_data());
    const std::string length = std::to_string(tensor.raw_data().size());
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : {std::pair<std::string, std::string>{"location", location},
                                     {"offset", std::to_string(offset)},
                                     {"length", length}}) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
  }
  return model;
}

TEST_F(OnnxNetTest, DataBesideTheFile) {
  const OnnxNet whole = read(TestNet{});
  const OnnxNet net = read(with_data_beside(directory_.path(), "weights.bin"));
  for (int i = 0; i < net.model.graph().initializer_size(); ++i)
    EXPECT_EQ(net.model.graph().initializer(i).raw_data(), whole.model.graph().initializer(i).raw_data());
  EXPECT_NE(net.sha256, whole.sha256);
  EXPECT_THAT(refused(with_data_beside(directory_.path(), "weights.bin", 9)),
              HasSubstr("initializer 'weights': external data: found 44 bytes in 'weights.bin'"));
  EXPECT_THAT(refused(with_data_beside(directory_.path(), "../weights.bin")),
              HasSubstr("expected a file below the model's directory"));
  EXPECT_THAT(refused(with_data_beside(directory_.path(), "/etc/passwd")),
              HasSubstr("expected a file below the model's directory"));
}

TEST_F(OnnxNetTest, WhatDoesNotFitIsRefusedBeforeItIsRead) {
  const onnx::ModelProto model = with_data_beside(directory_.path(), "weights.bin");
  fs::resize_file(directory_.path() / "weights.bin", std::uintmax_t{3} << 30);  // a hole: no byte of it is on the disk
  EXPECT_THAT(refused(model), HasSubstr("found 3.0 GiB of model and weights, expected less than 2.0 GiB"));
  onnx::ModelProto odd = with_data_beside(directory_.path(), "weights.bin");
  for (auto& tensor : *odd.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "weights") tensor.mutable_external_data(1)->set_value("-1");
  }
  EXPECT_THAT(refused(odd), HasSubstr("offset: found '-1', expected a number of bytes"));
}

TEST_F(OnnxNetTest, ValuesForRoutersAreFoundByName) {
  EXPECT_NO_THROW(read(TestNet{}, {.features = "pooled"}));
  EXPECT_THAT(refused(TestNet{}.model(), {.features = "nothing"}),
              HasSubstr("value 'nothing': not found; the last values are pooled, row, linear, y"));
}

}  // namespace
}  // namespace triage::importing
