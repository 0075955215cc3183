// Expected values follow from the protocol: github.com/kserve/open-inference-protocol, inference_rest.md, and Triton's
// extensions binary_tensor_data, classification and parameters.
#include "serving/http/infer_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "serving/http/infer_response.h"

namespace triage::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr InferShape kTiny{.height = 1, .width = 2, .channels = 3, .max_images = 4};
constexpr InferShape kAnySize{.channels = 3, .max_images = 4};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

InferRequest parsed(std::string_view json, const InferShape& shape = kTiny) {
  return parse_infer_request({.bytes = bytes_of(json)}, shape);
}

std::string input(const std::string& fields) { return R"({"inputs":[{"name":"image",)" + fields + "}]}"; }

std::vector<int> pixels_of(const InferRequest& request, std::size_t image) {
  const ImageView& view = request.pixels.at(image);
  return {view.pixels, view.pixels + view.height * view.width * view.channels};
}

std::string refusal(std::string_view json, const InferShape& shape = kTiny) {
  try {
    parsed(json, shape);
  } catch (const ProtocolError& error) {
    EXPECT_EQ(error.status, 400);
    return error.what();
  }
  return "taken";
}

TEST(InferRequest, PixelsAsNumbersFlatOrNested) {
  for (const char* data : {"[1,2,3,4,5,6,7,8,9,10,11,12]", "[[[[1,2,3],[4,5,6]]],[[[7,8,9],[10,11,12]]]]",
                           "[1.0,2,3,4,5,6,7,8,9,10,11,12]"}) {
    const InferRequest request = parsed(input(std::string(R"("shape":[2,1,2,3],"datatype":"UINT8","data":)") + data));
    ASSERT_EQ(request.pixels.size(), 2);
    EXPECT_THAT(pixels_of(request, 0), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(pixels_of(request, 1), ElementsAre(7, 8, 9, 10, 11, 12));
  }
  // The keys of an object have no order.
  EXPECT_EQ(
      parsed(R"({"inputs":[{"data":[0,0,0,0,0,255],"datatype":"UINT8","shape":[1,1,2,3],"name":"image"}],"id":"a"})")
          .id,
      "a");
}

TEST(InferRequest, PixelsBehindTheJsonAreNotCopied) {
  const std::string json = input(R"("shape":[1,1,2,3],"datatype":"UINT8","parameters":{"binary_data_size":6})");
  const std::string body = json + "abcdef";
  const InferRequest request =
      parse_infer_request({.bytes = bytes_of(body), .json_length = std::to_string(json.size())}, kTiny);
  ASSERT_EQ(request.pixels.size(), 1);
  EXPECT_EQ(request.pixels[0].pixels, bytes_of(body).data() + json.size());
}

// A reader that remembers says of each body what the parser says.
TEST(InferRequest, OneAfterTheOther) {
  const std::string one = input(R"("shape":[1,1,2,3],"datatype":"UINT8","parameters":{"binary_data_size":6})");
  const std::string two = input(R"("shape":[2,1,2,3],"datatype":"UINT8","parameters":{"binary_data_size":12})");
  const std::string files = input(R"("shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6})");
  InferReader reader;
  for (const auto& [json, behind] :
       std::vector<std::pair<std::string, std::string>>{{one, "abcdef"},
                                                        {one, "ABCDEF"},
                                                        {two, "abcdefghijkl"},
                                                        {two, "ABCDEFGHIJKL"},
                                                        {two, "abcdef"},
                                                        {files, std::string("\2\0\0\0ab", 6)},
                                                        {files, std::string("\2\0\0\0cd", 6)},
                                                        {one, "abcdef"},
                                                        {"", "abcdef"},
                                                        {one, "abcdefg"}}) {
    for (const InferShape& shape : {kTiny, kAnySize, InferShape{.height = 2, .width = 2, .channels = 3}}) {
      const std::string bytes = json + behind;
      const InferBody body{.bytes = bytes_of(bytes), .json_length = std::to_string(json.size())};
      const auto seen = [&](const auto& read) -> std::string {
        try {
          const InferRequest request = read(body, shape);
          std::string text = std::format("{} files, {} outputs:", request.encoded.size(), request.outputs.size());
          for (const ImageView& image : request.pixels)
            text += std::format(" {}x{}x{} at {}", image.height, image.width, image.channels,
                                image.pixels - body.bytes.data());
          return text;
        } catch (const ProtocolError& error) {
          return error.what();
        }
      };
      EXPECT_EQ(seen([&](const auto& b, const auto& s) { return reader.read(b, s); }), seen(parse_infer_request));
    }
  }
}

TEST(InferRequest, ImagesAsFiles) {
  const std::string json = input(R"("shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":13})");
  const std::string body = json + std::string("\3\0\0\0abc\2\0\0\0de", 13);
  const InferRequest behind =
      parse_infer_request({.bytes = bytes_of(body), .json_length = std::to_string(json.size())}, kAnySize);
  const InferRequest base64 =
      parsed(input(R"("shape":[2],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["YWJj","ZGU="])"),
             kAnySize);
  for (const InferRequest* request : {&behind, &base64}) {
    ASSERT_EQ(request->encoded.size(), 2);
    const auto text = [&](std::size_t i) {
      return std::string(reinterpret_cast<const char*>(request->encoded[i].bytes), request->encoded[i].size);
    };
    EXPECT_EQ(text(0), "abc");
    EXPECT_EQ(text(1), "de");
  }
  const InferRequest alone = parse_infer_request({.bytes = bytes_of("abc"), .content_type = "image/jpeg"}, kTiny);
  ASSERT_EQ(alone.encoded.size(), 1);
  EXPECT_EQ(alone.encoded[0].size, 3);
}

TEST(InferRequest, WithoutJson) {
  const InferRequest raw = parse_infer_request(
      {.bytes = bytes_of("abcdefABCDEF"), .json_length = "0", .content_type = "application/octet-stream"}, kTiny);
  EXPECT_EQ(raw.pixels.size(), 2);
  const InferRequest file = parse_infer_request({.bytes = bytes_of("abcdefABCDEF"), .json_length = "0"}, kTiny);
  EXPECT_EQ(file.encoded.size(), 1);
}

TEST(InferRequest, OutputsAndParameters) {
  const InferRequest request = parsed(
      R"({"id":"7","parameters":{"timeout":1500,"binary_data_output":true},)"
      R"("inputs":[{"name":"image","shape":[1,1,2,3],"datatype":"UINT8","data":[0,0,0,0,0,0]}],)"
      R"("outputs":[{"name":"label"},{"name":"logits","parameters":{"classification":3,"binary_data":false}}]})");
  EXPECT_DOUBLE_EQ(request.timeout_seconds, 0.0015);
  ASSERT_EQ(request.outputs.size(), 2);
  EXPECT_TRUE(request.outputs[0].binary);
  EXPECT_FALSE(request.outputs[1].binary);
  EXPECT_EQ(request.outputs[1].classification, 3);
  EXPECT_TRUE(needs(request, OutputKind::logits));
  EXPECT_FALSE(needs(request, OutputKind::probabilities));
}

TEST(InferRequest, WhatIsWrongIsNamed) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "body: expected an image, found nothing"},
      {"{", "JSON: malformed at byte"},
      {"[]", "request: expected an object"},
      {"{}", "request: field 'inputs' is missing"},
      {R"({"inputs":[]})", "request: inputs: expected one tensor"},
      {R"({"inputs":7})", "request: inputs: expected a list"},
      {input(R"("shape":[1,1,2,3],"datatype":"FP32","data":[0])"),
       "inputs[0].datatype: expected UINT8 (pixels) or BYTES"},
      {input(R"("shape":[1,2,1,3],"datatype":"UINT8","data":[0,0,0,0,0,0])"), "expected [N, 1, 2, 3]"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,0,0,0,0])"),
       "inputs[0].data: expected 6 values, found 5"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,0,0,0,0,256])"),
       "inputs[0].data[5]: expected a whole number from 0 to 255"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,0,0,0,0,0.5])"),
       "inputs[0].data[5]: expected a whole number"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,0,0,0,0,-1])"),
       "inputs[0].data[5]: expected a whole number"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,null])"),
       "inputs[0].data: expected numbers or texts, found null"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[0,"YWJj"])"),
       "inputs[0].data: expected numbers or texts, found both"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":[{}])"), "found an object"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8","data":7)"), "inputs[0].data: expected an array"},
      {input(R"("shape":[1,1,2,3],"datatype":"UINT8")"), "expected data, or its binary_data_size"},
      {input(R"("shape":[5,1,2,3],"datatype":"UINT8","data":[0])"), "expected 1 to 4 images"},
      {input(R"("shape":[-1,1,2,3],"datatype":"UINT8","data":[0])"), "expected 1 to 4 images"},
      {input(R"("shape":[1],"datatype":"BYTES","data":["!"])"), "inputs[0].data[0]: expected base64"},
      {input(R"("shape":[2],"datatype":"BYTES","data":["YWJj"])"), "inputs[0].shape: expected [1]"},
      {input(R"("shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":8})"),
       "expected 8 bytes behind the JSON, found 0"},
      {std::string(R"({"id":)") + std::string(5000, '['), "levels"},
      {R"({"a":1,"a":2})", "the key 'a' once"}};
  for (const auto& [json, words] : cases) EXPECT_THAT(refusal(json), HasSubstr(words)) << json;
  EXPECT_THAT(refusal(input(R"("shape":[1,70000,1,3],"datatype":"UINT8","data":[0])"), kAnySize),
              HasSubstr("[N, height, width, 1 or 3]"));
  // As large as numbers get: nothing is multiplied that could not be.
  EXPECT_THAT(refusal(input(R"("shape":[4,65535,65535,3],"datatype":"UINT8","data":[0])"), kAnySize),
              HasSubstr("expected 51538034700 values, found 1"));
  EXPECT_THAT(refusal(input(R"("shape":[1],"datatype":"UINT8","shape":[1]})")), HasSubstr("once"));
}

TEST(InferRequest, TheLengthOfTheJsonIsChecked) {
  for (const char* length : {"x", "-1", "3", "", "2 ", "99999999999999999999"}) {
    EXPECT_THROW(parse_infer_request({.bytes = bytes_of("{}"), .json_length = length}, kTiny), ProtocolError) << length;
  }
}

TEST(InferResponse, JsonAndBinary) {
  const std::vector<std::string> classes{"cat", "a \"dog\"", "emu"};
  const std::vector<Answer> answers{{.outcome = {.label = 1, .probability = 0.5F, .exit = 1, .score = 0},
                                     .visits = {{.score = 0.75F}, {}},
                                     .logits = {1, 3, 2}},
                                    {.outcome = {.label = 2, .probability = 0.25F, .exit = 0, .score = 0.125F},
                                     .visits = {{.score = 0.125F}},
                                     .logits = {-1, 0, 2}}};
  const InferAnswer answer{.model = "m", .version = "3", .classes = &classes, .stages = 2, .answers = answers};
  InferRequest request;
  request.id = "9";
  request.outputs = {{OutputKind::label},
                     {OutputKind::class_name},
                     {OutputKind::scores},
                     {.kind = OutputKind::logits, .classification = 2}};
  const InferResponse text = write_infer_response(request, answer);
  EXPECT_FALSE(text.json_bytes);
  EXPECT_EQ(Json::parse(text.body), Json::parse(R"({"model_name":"m","model_version":"3","id":"9","outputs":[
      {"name":"label","datatype":"INT32","shape":[2],"data":[1,2]},
      {"name":"class","datatype":"BYTES","shape":[2],"data":["a \"dog\"","emu"]},
      {"name":"scores","datatype":"FP32","shape":[2,2],"data":[0.75,0,0.125,-1]},
      {"name":"logits","datatype":"BYTES","shape":[2,2],"data":["3.000000:1:a \"dog\"","2.000000:2:emu","2.000000:2:emu","0.000000:1:a \"dog\""]}]})"));

  request.outputs = {{OutputKind::label, true}, {OutputKind::class_name, true}, {OutputKind::exit}};
  const InferResponse binary = write_infer_response(request, answer);
  ASSERT_TRUE(binary.json_bytes);
  const Json json = Json::parse(binary.body.substr(0, *binary.json_bytes));
  EXPECT_EQ(json["outputs"][0]["parameters"]["binary_data_size"], 8);
  EXPECT_EQ(json["outputs"][1]["parameters"]["binary_data_size"], 4 + 7 + 4 + 3);
  EXPECT_EQ(binary.body.substr(*binary.json_bytes), std::string("\1\0\0\0\2\0\0\0\7\0\0\0a \"dog\"\3\0\0\0emu", 26));
}

}  // namespace
}  // namespace triage::serving
