// Map: the raw body -> the JSON's outputs and parameters -> its tensor, from JSON or from behind it.
#include "serving/http/infer_request.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "serving/http/infer_json.h"

namespace triage::serving {
namespace {

constexpr int kAnySizeMost = 65535;  // pixels a side, of a plan of any size
constexpr double kLongestTimeoutUs = 3600e6;
constexpr std::size_t kMaxIdBytes = 1024;
constexpr std::string_view kOneFile = "image/";  // content types: the body is a file

constexpr OutputType kOutputs[] = {{"label", "INT32"},        {"class", "BYTES"}, {"probability", "FP32"},
                                   {"exit", "INT32"},         {"score", "FP32"},  {"logits", "FP32"},
                                   {"probabilities", "FP32"}, {"scores", "FP32"}, {"microseconds", "FP32"}};

template <class... Args>
[[noreturn]] void refuse_request(std::format_string<Args...> format, Args&&... args) {
  throw ProtocolError(400, std::format(format, std::forward<Args>(args)...));
}

// What Json says of a value is an Error; here it is the client's.
template <class Read>
auto of_client(Read read) {
  try {
    return read();
  } catch (const ProtocolError&) {
    throw;
  } catch (const Error& error) {
    throw ProtocolError(400, error.what());
  }
}

class BodyParser {
 public:
  BodyParser(const InferBody& body, const InferShape& shape) : body_(body), shape_(shape) {}

  InferRequest parse() {
    if (body_.content_type.starts_with(kOneFile)) return one_file(), std::move(out_);
    json_bytes_ = infer_json_bytes(body_);
    if (json_bytes_ == 0) return raw(), std::move(out_);
    const std::string_view text(reinterpret_cast<const char*>(body_.bytes.data()), json_bytes_);
    InferJson json = parse_infer_json(text);
    of_client([&] { read(json); });
    return std::move(out_);
  }

 private:
  void default_outputs(bool binary) {
    for (const OutputKind kind :
         {OutputKind::label, OutputKind::class_name, OutputKind::probability, OutputKind::exit, OutputKind::score})
      out_.outputs.push_back({kind, binary});
  }

  void one_file() {
    if (body_.bytes.empty()) refuse_request("body: expected an image, found nothing");
    out_.encoded.push_back({body_.bytes.data(), body_.bytes.size()});
    default_outputs(false);
  }

  void raw() {
    const std::size_t image = image_bytes(shape_.height, shape_.width, shape_.channels);
    if (image == 0 || body_.bytes.empty() || body_.bytes.size() % image != 0 ||
        body_.content_type != "application/octet-stream")
      return one_file();
    add_pixels(body_.bytes, body_.bytes.size() / image, shape_.height, shape_.width, shape_.channels);
    default_outputs(false);
  }

  void read(InferJson& json) {
    const JsonReader root(json.tree, "request");
    if (!json.tree.is_object()) root.fail_here("an object");
    out_.id = root.get_or<std::string>("id", "");
    if (out_.id.size() > kMaxIdBytes) root.at("id").fail_here(std::format("at most {} bytes", kMaxIdBytes));
    bool binary = false;
    if (root.has("parameters")) {
      const JsonReader parameters = object(root.at("parameters"));
      binary = parameters.get_or("binary_data_output", false);
      if (parameters.has("timeout"))
        out_.timeout_seconds = parameters.get_in<double>("timeout", 0, kLongestTimeoutUs) / 1e6;
    }
    read_outputs(root, binary);
    const JsonReader inputs = root.at("inputs");
    if (inputs.size() != 1) inputs.fail_here("one tensor");
    read_input(inputs.at(0), json.data.at(0));
  }

  static JsonReader object(const JsonReader& reader) {
    if (!reader.json().is_object()) reader.fail_here("an object");
    return reader;
  }

  void read_outputs(const JsonReader& root, bool binary) {
    if (!root.has("outputs") || root.at("outputs").size() == 0) return default_outputs(binary);
    const JsonReader outputs = root.at("outputs");
    if (outputs.size() > std::size(kOutputs)) outputs.fail_here(std::format("at most {}", std::size(kOutputs)));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const JsonReader output = outputs.at(i);
      const auto name = output.get<std::string>("name");
      const auto* const known = std::ranges::find(kOutputs, name, &OutputType::name);
      if (known == std::end(kOutputs)) output.at("name").fail_here("one of " + joined(kOutputs, &OutputType::name));
      RequestedOutput wanted{static_cast<OutputKind>(known - std::begin(kOutputs)), binary};
      if (output.has("parameters")) {
        const JsonReader parameters = object(output.at("parameters"));
        wanted.binary = parameters.get_or("binary_data", binary);
        if (parameters.has("classification")) {
          if (wanted.kind != OutputKind::logits && wanted.kind != OutputKind::probabilities)
            output.fail_here("the parameter classification at logits or probabilities");
          wanted.classification = parameters.get_in<int>("classification", 1, 1 << 20);
        }
      }
      out_.outputs.push_back(wanted);
    }
  }

  void read_input(const JsonReader& input, InferData& data) {
    object(input);
    if (input.get<std::string>("name") != "image") input.at("name").fail_here("'image'");
    const auto datatype = input.get<std::string>("datatype");
    const auto shape = input.get<std::vector<std::int64_t>>("shape");
    if (input.has("data")) input.at("data").fail_here("an array");
    std::optional<std::size_t> size;
    if (input.has("parameters")) {
      const JsonReader parameters = object(input.at("parameters"));
      if (parameters.has("binary_data_size")) size = parameters.get<std::uint64_t>("binary_data_size");
      if (parameters.has("content_type") && parameters.get<std::string>("content_type") != "base64")
        parameters.at("content_type").fail_here("'base64'");
    }
    const std::span<const std::uint8_t> behind = body_.bytes.subspan(json_bytes_);
    if (size && data.present) input.fail_here("data in the JSON or behind it");
    if (!size && !data.present) input.fail_here("data, or its binary_data_size");
    if (behind.size() != size.value_or(0))
      refuse_request("body: expected {} bytes behind the JSON, found {}", size.value_or(0), behind.size());
    if (datatype == "UINT8") {
      read_pixels(input, shape, size ? behind : take(data));
    } else if (datatype == "BYTES") {
      if (shape.size() != 1) input.at("shape").fail_here("[N]");
      if (size) {
        split_files(behind);
      } else {
        if (!data.numbers.empty()) refuse_request("inputs[0].data: expected texts of base64, found numbers");
        out_.decoded = std::move(data.strings);
        for (const std::vector<std::uint8_t>& file : out_.decoded) out_.encoded.push_back({file.data(), file.size()});
      }
      expect_count(input, shape[0], out_.encoded.size());
    } else {
      input.at("datatype").fail_here("UINT8 (pixels) or BYTES (images as files)");
    }
  }

  std::span<const std::uint8_t> take(InferData& data) {
    if (!data.strings.empty()) refuse_request("inputs[0].data: expected numbers, found texts");
    return out_.decoded.emplace_back(std::move(data.numbers));
  }

  void expect_count(const JsonReader& input, std::int64_t said, std::size_t found) const {
    if (said < 1 || static_cast<std::uint64_t>(said) != found)
      input.at("shape").fail_here(std::format("[{}], as many as there are images (1 to {})", found, shape_.max_images));
    if (found > shape_.max_images) input.at("shape").fail_here(std::format("at most {} images", shape_.max_images));
  }

  void read_pixels(const JsonReader& input, const std::vector<std::int64_t>& shape,
                   std::span<const std::uint8_t> bytes) {
    const JsonReader where = input.at("shape");
    const bool any = shape_.height == 0;
    const auto fits = [&](std::size_t axis, int expected) {
      return any ? shape[axis] >= 1 && shape[axis] <= kAnySizeMost : shape[axis] == expected;
    };
    if (shape.size() != 4 || !fits(1, shape_.height) || !fits(2, shape_.width) ||
        (any ? shape[3] != 1 && shape[3] != 3 : shape[3] != shape_.channels))
      where.fail_here(any ? std::string("[N, height, width, 1 or 3]")
                          : std::format("[N, {}, {}, {}]", shape_.height, shape_.width, shape_.channels));
    if (shape[0] < 1 || static_cast<std::uint64_t>(shape[0]) > shape_.max_images)
      where.fail_here(std::format("1 to {} images", shape_.max_images));
    const int height = static_cast<int>(shape[1]), width = static_cast<int>(shape[2]);
    const std::size_t all = image_bytes(height, width, static_cast<int>(shape[3])) * static_cast<std::size_t>(shape[0]);
    if (bytes.size() != all) refuse_request("inputs[0].data: expected {} values, found {}", all, bytes.size());
    add_pixels(bytes, static_cast<std::size_t>(shape[0]), height, width, static_cast<int>(shape[3]));
  }

  static std::size_t image_bytes(int height, int width, int channels) {
    return std::size_t(height) * std::size_t(width) * std::size_t(channels);
  }

  void add_pixels(std::span<const std::uint8_t> bytes, std::size_t images, int height, int width, int channels) {
    if (images > shape_.max_images)
      refuse_request("body: expected at most {} images, found {}", shape_.max_images, images);
    const std::size_t size = image_bytes(height, width, channels);
    for (std::size_t i = 0; i < images; ++i) out_.pixels.push_back({bytes.data() + i * size, height, width, channels});
  }

  void split_files(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      std::size_t size = 0;
      if (bytes.size() >= 4) size = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | std::size_t{bytes[3]} << 24;
      if (bytes.size() < 4 || size > bytes.size() - 4)
        refuse_request("inputs[0]: expected images behind their lengths of 4 bytes, found {} bytes at image {}",
                       bytes.size(), out_.encoded.size());
      if (out_.encoded.size() == shape_.max_images)
        refuse_request("inputs[0]: expected at most {} images", shape_.max_images);
      out_.encoded.push_back({bytes.data() + 4, size});
      bytes = bytes.subspan(4 + size);
    }
  }

  const InferBody& body_;
  const InferShape& shape_;
  std::size_t json_bytes_ = 0;
  InferRequest out_;
};

}  // namespace

std::size_t infer_json_bytes(const InferBody& body) {
  if (body.content_type.starts_with(kOneFile)) return 0;
  if (!body.json_length) return body.bytes.size();
  const std::string& text = *body.json_length;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > body.bytes.size())
    refuse_request("Inference-Header-Content-Length: expected a number up to the body's {} bytes, found '{}'",
                   body.bytes.size(), valid_utf8(text));
  return value;
}

InferRequest parse_infer_request(const InferBody& body, const InferShape& shape) {
  return BodyParser(body, shape).parse();
}

InferRequest InferReader::read(const InferBody& body, const InferShape& shape) {
  const std::size_t json_bytes = infer_json_bytes(body);
  const std::span<const std::uint8_t> behind = body.bytes.subspan(json_bytes);
  const std::string_view json(reinterpret_cast<const char*>(body.bytes.data()), json_bytes);
  if (!json_.empty() && json == json_ && body.bytes.size() == body_bytes_ && shape == shape_) {
    InferRequest request = request_;
    const std::size_t image = behind.size() / request.pixels.size();
    for (std::size_t i = 0; i < request.pixels.size(); ++i) request.pixels[i].pixels = &behind[i * image];
    return request;
  }
  InferRequest request = parse_infer_request(body, shape);
  json_.clear();
  if (behind.empty() || request.pixels.empty()) return request;
  json_ = json;
  body_bytes_ = body.bytes.size();
  shape_ = shape;
  request_ = request;
  return request;
}

std::span<const OutputType> output_types() { return kOutputs; }

}  // namespace triage::serving
