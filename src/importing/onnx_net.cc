#include "importing/onnx_net.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/system/limits.h"
#include "core/text.h"

namespace triage::importing {
namespace {

constexpr int kMaxPixels = 1 << 24;

std::string text(const onnx::TensorShapeProto& shape) {
  return "[" +
         joined(shape.dim(),
                [](const onnx::TensorShapeProto::Dimension& dim) {
                  return dim.has_dim_value() ? std::to_string(dim.dim_value()) : std::string("?");
                }) +
         "]";
}

std::string type_name(int type) { return onnx::TensorProto::DataType_Name(type); }

// A stage is one ONNX file, which protobuf bounds; until it is opened its weights are in memory this often.
void check_size(const std::string& file, std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 31, kCopies = 4;
  if (bytes >= kMost)
    fail("{}: found {} of model and weights, expected less than {}: a stage is one ONNX file", file, size_text(bytes),
         size_text(kMost));
  require_memory(file, kCopies * bytes);
}

std::uint64_t size_of_file(const fs::path& file) {
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(file, error);
  if (error) fail("{}: unreadable: {}", file.string(), error.message());
  return bytes;
}

// "offset" and "length" of external data.
std::uint64_t number_of(const std::string& text, const std::string& where) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    fail("{}: found '{}', expected a number of bytes", where, printable_line(text));
  return number;
}

// The data that a file keeps beside it. Names are relative to the file, and may not lead out of its directory.
void inline_external_data(onnx::ModelProto& model, const fs::path& file, Sha256& sha) {
  std::map<std::string, std::string> read;
  std::uint64_t total = size_of_file(file);
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL) continue;
    std::string location;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;
    const std::string where = std::format("{}: initializer '{}': external data", file.string(), tensor.name());
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = number_of(entry.value(), where + ": offset");
      if (entry.key() == "length") length = number_of(entry.value(), where + ": length");
    }
    const fs::path relative(location);
    if (location.empty() || relative.is_absolute() || std::ranges::find(relative, "..") != relative.end())
      fail("{}: found location '{}', expected a file below the model's directory", where, location);
    auto [found, is_new] = read.try_emplace(location);
    if (is_new) {
      check_size(file.string(), total += size_of_file(file.parent_path() / relative));
      found->second = read_file(file.parent_path() / relative);
      sha.update(found->second.data(), found->second.size());
    }
    const std::string& bytes = found->second;
    const std::uint64_t size = length.value_or(bytes.size() - std::min<std::uint64_t>(offset, bytes.size()));
    if (offset > bytes.size() || size > bytes.size() - offset)
      fail("{}: found {} bytes in '{}', expected {} from {}", where, bytes.size(), location, size, offset);
    tensor.set_raw_data(bytes.substr(offset, size));
    tensor.clear_external_data();
    tensor.clear_data_location();
  }
}

int opset_of(const onnx::ModelProto& model, const std::string& file) {
  int opset = 0;
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = static_cast<int>(import.version());
  }
  if (opset < kMinOpset || opset > kMaxOpset)
    fail("{}: opset: found {}, expected {} to {}", file, opset, kMinOpset, kMaxOpset);
  return opset;
}

void check_domains(const onnx::ModelProto& model, const std::string& file) {
  static const std::set<std::string> known{"", "ai.onnx", "com.microsoft", "ai.onnx.ml"};
  for (const onnx::NodeProto& node : model.graph().node()) {
    if (!known.contains(node.domain()))
      fail("{}: node '{}': found operator {} of domain '{}', expected one of ONNX or com.microsoft", file, node.name(),
           node.op_type(), node.domain());
  }
}

// The one input that is no initializer (old files list both).
NetInput input_of(const onnx::GraphProto& graph, const std::string& file) {
  std::set<std::string> constants;
  for (const auto& tensor : graph.initializer()) constants.insert(tensor.name());
  const onnx::ValueInfoProto* only = nullptr;
  for (const auto& input : graph.input()) {
    if (constants.contains(input.name())) continue;
    if (only) fail("{}: inputs: found '{}' and '{}', expected one", file, only->name(), input.name());
    only = &input;
  }
  if (!only) fail("{}: inputs: found none, expected one", file);
  const std::string where = std::format("{}: input '{}'", file, only->name());
  const auto& tensor = only->type().tensor_type();
  NetInput input{.name = only->name(), .type = static_cast<onnx::TensorProto::DataType>(tensor.elem_type())};
  if (input.type != onnx::TensorProto::FLOAT && input.type != onnx::TensorProto::FLOAT16 &&
      input.type != onnx::TensorProto::UINT8)
    fail("{}: type: found {}, expected FLOAT, FLOAT16 or UINT8", where, type_name(input.type));
  const auto& shape = tensor.shape();
  if (shape.dim_size() != 4)
    fail("{}: shape: found {}, expected [N, channels, height, width] or [N, height, width, channels]", where,
         text(shape));
  for (int i = 1; i < 4; ++i) {
    if (!shape.dim(i).has_dim_value() || shape.dim(i).dim_value() < 1 || shape.dim(i).dim_value() > kMaxPixels)
      fail("{}: shape: found {}, expected sizes that are fixed but for the batch", where, text(shape));
  }
  const auto dim = [&](int i) { return static_cast<int>(shape.dim(i).dim_value()); };
  const auto colours = [](int channels) { return channels == 1 || channels == 3; };
  if (colours(dim(1))) {
    input.channels = dim(1), input.height = dim(2), input.width = dim(3);
  } else if (colours(dim(3))) {
    input.layout = preprocess::Layout::nhwc;
    input.height = dim(1), input.width = dim(2), input.channels = dim(3);
  } else {
    fail("{}: shape: found {}, expected 1 or 3 channels in the second or the last place", where, text(shape));
  }
  const auto& batch = shape.dim(0);
  if (batch.has_dim_value() && batch.dim_value() > 0) {
    if (batch.dim_value() > 4096) fail("{}: shape: found {}, expected a batch of at most 4096", where, text(shape));
    input.batch = static_cast<int>(batch.dim_value());
  }
  return input;
}

// The width of an answer, where the value may be one: [N, C], [C], [N, C, 1, 1].
std::optional<std::int64_t> answer_width(const std::vector<std::int64_t>& dims) {
  if (dims.size() == 1) return dims[0];
  if (dims.size() < 2 || !std::all_of(dims.begin() + 2, dims.end(), [](auto dim) { return dim == 1; })) return {};
  return dims[1];
}

NetOutput described(const onnx::ValueInfoProto& value) {
  const auto& tensor = value.type().tensor_type();
  NetOutput output{.name = value.name(), .type = static_cast<onnx::TensorProto::DataType>(tensor.elem_type())};
  for (const auto& dim : tensor.shape().dim()) output.dims.push_back(dim.has_dim_value() ? dim.dim_value() : 0);
  return output;
}

std::string text(const NetOutput& output) {
  return std::format("'{}' {} [{}]", output.name, type_name(output.type),
                     joined(output.dims, [](auto dim) { return dim > 0 ? std::to_string(dim) : std::string("?"); }));
}

// Whether a Softmax over the classes makes the value; through what changes neither values nor their order.
bool is_softmax(const onnx::GraphProto& graph, std::string value) {
  for (int steps = 0; steps < 4; ++steps) {
    const auto made = std::ranges::find_if(
        graph.node(), [&](const auto& node) { return std::ranges::find(node.output(), value) != node.output().end(); });
    if (made == graph.node().end()) return false;
    if (made->op_type() == "Softmax") return true;
    static const std::set<std::string> through{"Identity", "Reshape", "Flatten", "Squeeze"};
    if (!through.contains(made->op_type())) return false;
    value = made->input(0);
  }
  return false;
}

NetOutput output_of(const OnnxNet& net, const NetRequest& request, const std::vector<int>& widths) {
  const std::string file = net.file.string();
  const onnx::GraphProto& graph = net.model.graph();
  std::vector<NetOutput> all, fitting, unknown;
  for (const auto& value : graph.output()) all.push_back(described(value));
  for (const NetOutput& output : all) {
    if (!request.output.empty() && output.name != request.output) continue;
    if (output.type != onnx::TensorProto::FLOAT && output.type != onnx::TensorProto::FLOAT16) continue;
    const auto width = answer_width(output.dims);
    const bool per_image = output.dims.size() == 1 && output.dims[0] == 0;  // [N]: one value of each image
    if (output.dims.empty() || (width && *width == 0 && !per_image)) {
      unknown.push_back(output);
    } else if (width && std::ranges::find(widths, *width) != widths.end()) {
      fitting.push_back(output);
    }
  }
  const std::string listed = joined(all, [](const NetOutput& output) { return text(output); });
  const std::string expected = joined(widths, [](int width) { return std::format("[N, {}]", width); });
  if (!request.output.empty() && fitting.empty() && unknown.empty())
    fail("{}: output '{}': found {}, expected one of them, of {}", file, request.output, listed, expected);
  std::vector<NetOutput>& chosen = fitting.empty() ? unknown : fitting;
  if (chosen.empty())
    fail("{}: outputs: found {}, expected one of {} (a value for each class)", file, listed, expected);
  if (chosen.size() > 1)
    fail("{}: outputs: found {} that may be the answer: {}; expected one, name it", file, chosen.size(),
         joined(chosen, [](const NetOutput& output) { return text(output); }));
  chosen.front().softmax = is_softmax(graph, chosen.front().name);
  return chosen.front();
}

}  // namespace

OnnxNet read_onnx_net(const NetRequest& request, int classes, int names) {
  OnnxNet net{.name = request.file.stem().string(), .file = request.file};
  const std::string file = request.file.string();
  check_size(file, size_of_file(request.file));
  const std::string bytes = read_file(request.file);
  Sha256 sha;
  sha.update(bytes.data(), bytes.size());
  if (bytes.empty() || !net.model.ParseFromString(bytes) || !net.model.has_graph() || net.model.graph().node().empty())
    fail("{}: damaged: expected an ONNX model", file);
  inline_external_data(net.model, request.file, sha);
  net.sha256 = sha.hex();
  net.opset = opset_of(net.model, file);
  check_domains(net.model, file);
  net.input = input_of(net.model.graph(), file);
  const std::vector<int> widths = names > 0 ? std::vector{names} : std::vector{classes, classes + 1};
  net.output = output_of(net, request, widths);
  const auto width = answer_width(net.output.dims);
  net.width = width && *width > 0 ? static_cast<int>(*width) : widths.front();
  if (!request.features.empty()) node_that_makes(net, request.features);
  return net;
}

const onnx::NodeProto& node_that_makes(const OnnxNet& net, const std::string& value) {
  std::vector<std::string> some;
  for (const onnx::NodeProto& node : net.model.graph().node()) {
    if (std::ranges::find(node.output(), value) != node.output().end()) return node;
    if (node.output_size() > 0) some.push_back(node.output(0));
  }
  constexpr std::size_t kShown = 8;
  if (some.size() > kShown) some.erase(some.begin(), some.end() - kShown);
  fail("{}: value '{}': not found; the last values are {}", net.file.string(), value, joined(some));
}

}  // namespace triage::importing
