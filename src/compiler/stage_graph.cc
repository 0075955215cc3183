#include "compiler/stage_graph.h"

#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <map>
#include <tuple>

#include "core/error.h"
#include "core/json.h"

namespace triage::compiler {
namespace {

// Reads one file: its tensors by name, its nodes by the value they make.
class StageReader {
 public:
  StageReader(const std::string& bytes, std::string origin) : file_(std::move(origin)) {
    if (!model_.ParseFromString(bytes)) fail("{}: found bytes that are no ONNX model", file_);
    for (const auto& tensor : model_.graph().initializer()) tensors_[tensor.name()] = &tensor;
    for (const auto& node : model_.graph().node())
      for (const auto& output : node.output()) makers_[output] = &node;
  }

  bool has(const std::string& tensor) const { return tensors_.contains(tensor); }

  template <class T>
  std::vector<T> values(const std::string& name, onnx::TensorProto::DataType type, std::size_t expected) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail("{}: tensor '{}': not found, expected one of a Triage stage", file_, name);
    const onnx::TensorProto& tensor = *found->second;
    const std::string& raw = tensor.raw_data();
    std::vector<T> values;
    if (tensor.data_type() == type && tensor.has_raw_data() && raw.size() % sizeof(T) == 0) {
      values.resize(raw.size() / sizeof(T));
      std::memcpy(values.data(), raw.data(), raw.size());
    } else if (tensor.data_type() == type && type == onnx::TensorProto::FLOAT) {
      for (const float value : tensor.float_data()) values.push_back(static_cast<T>(value));
    } else if (tensor.data_type() == type) {
      for (const int value : tensor.int32_data()) values.push_back(static_cast<T>(value));
    }
    if (values.size() != expected)
      fail("{}: tensor '{}': found {} values of type {}, expected {} of type {}", file_, name, values.size(),
           tensor.data_type(), expected, static_cast<int>(type));
    return values;
  }

  std::vector<float> floats(const std::string& name, std::size_t expected) const {
    return values<float>(name, onnx::TensorProto::FLOAT, expected);
  }

  std::vector<float> scales(const std::string& name, std::size_t expected) const {
    std::vector<float> scales = floats(name, expected);
    for (const float scale : scales)
      if (!std::isfinite(scale) || scale <= 0) fail("{}: tensor '{}': found {}, expected above 0", file_, name, scale);
    return scales;
  }

  std::optional<Grid> grid(const std::string& name) const {
    if (!has(name + "/scale")) return std::nullopt;
    return Grid{scales(name + "/scale", 1)[0], values<std::uint8_t>(name + "/zero", onnx::TensorProto::UINT8, 1)[0]};
  }

  std::string metadata(const std::string& key) const {
    for (const auto& entry : model_.metadata_props())
      if (entry.key() == key) return entry.value();
    fail("{}: metadata '{}': not found, expected a stage that Triage has written", file_, key);
  }

  // The layer behind which an output is taken, "block1.conv0"; empty where there is no such output.
  std::string layer_before(const std::string& output) const {
    if (!makers_.contains(output)) return {};
    std::string value = input_of_maker(output);
    if (makers_.at(output)->op_type() == "Flatten") value = input_of_maker(value);
    return value.substr(0, value.find('/'));
  }

  const onnx::GraphProto& graph() const { return model_.graph(); }
  const std::string& file() const { return file_; }

 private:
  std::string input_of_maker(const std::string& value) const {
    const auto maker = makers_.find(value);
    if (maker == makers_.end() || maker->second->input_size() < 1)
      fail("{}: value '{}': found no node with an input that makes it, expected one", file_, value);
    return maker->second->input(0);
  }

  std::string file_;
  onnx::ModelProto model_;
  std::map<std::string, const onnx::TensorProto*> tensors_;
  std::map<std::string, const onnx::NodeProto*> makers_;
};

plan::InputShape input_of(const StageReader& reader) {
  const auto& graph = reader.graph();
  if (graph.input_size() != 1) fail("{}: inputs: found {}, expected 1", reader.file(), graph.input_size());
  const auto& shape = graph.input(0).type().tensor_type().shape();
  if (shape.dim_size() != 4) fail("{}: input: found {} dimensions, expected 4", reader.file(), shape.dim_size());
  const auto dimension = [&](int i) {
    const std::int64_t size = shape.dim(i).dim_value();
    if (size < 1 || size > plan::kMaxSide)
      fail("{}: input: found a dimension of {}, expected 1 to {}", reader.file(), size, plan::kMaxSide);
    return static_cast<int>(size);
  };
  return {dimension(1), dimension(2), dimension(3)};
}

// The stage's layers. Blocks but the net's first pool behind their first convolution.
std::vector<plan::ConvLayer> layers_of(const StageReader& reader, const plan::InputShape& input) {
  const auto arch = plan::ArchSpec::parse(reader.metadata("triage.arch"));
  const std::string blocks = reader.metadata("triage.blocks");
  std::size_t first = 0, last = 0;
  if (std::sscanf(blocks.c_str(), "%zu:%zu", &first, &last) != 2 || first >= last || last > arch.blocks.size())
    fail("{}: metadata 'triage.blocks': found '{}', expected 'first:last' within {} blocks", reader.file(), blocks,
         arch.blocks.size());
  std::vector<plan::ConvLayer> layers;
  int channels = input.channels, height = input.height, width = input.width;
  for (std::size_t block = first; block < last; ++block)
    for (std::size_t i = 0; i < arch.blocks[block].size(); ++i) {
      plan::ConvLayer layer{.block = static_cast<int>(block),
                            .index = static_cast<int>(i),
                            .in_channels = channels,
                            .out_channels = arch.blocks[block][i],
                            .height = height,
                            .width = width,
                            .pool = block > 0 && i == 0};
      if (layer.pool && (height < 2 || width < 2))
        fail("{}: {}: found a pool of {}x{}, expected 2x2 or more", reader.file(), layer.name(), height, width);
      layers.push_back(layer);
      channels = layer.out_channels;
      if (layer.pool) height /= 2, width /= 2;
    }
  return layers;
}

GraphConv conv_of(const StageReader& reader, const plan::ConvLayer& layer) {
  const std::string name = layer.name();
  const auto out = static_cast<std::size_t>(layer.out_channels), size = 9 * out * layer.in_channels;
  GraphConv conv{.layer = layer, .int8 = reader.has(name + "/weight/int8")};
  if (conv.int8) {
    conv.weight8 = reader.values<std::int8_t>(name + "/weight/int8", onnx::TensorProto::INT8, size);
    conv.weight_scale = reader.scales(name + "/weight/scale", out);
    conv.bias32 = reader.values<std::int32_t>(name + "/bias/int32", onnx::TensorProto::INT32, out);
  } else {
    conv.weight = reader.floats(name + "/weight", size);
    conv.bias = reader.floats(name + "/bias", out);
  }
  return conv;
}

}  // namespace

bool StageGraph::int8() const {
  for (const GraphConv& conv : convs)
    if (conv.int8) return true;
  return false;
}

StageGraph read_stage(const fs::path& file) { return parse_stage(read_file(file), file.string()); }

StageGraph parse_stage(const std::string& bytes, const std::string& origin) {
  const StageReader reader(bytes, origin);
  StageGraph graph;
  graph.input = input_of(reader);
  graph.reads_image = reader.graph().input(0).name() == "image";
  if (graph.reads_image) graph.mean = reader.floats("normalise/mean", graph.input.channels);
  const std::string features = reader.layer_before("features"), carry = reader.layer_before("carry");
  graph.grids.push_back(reader.grid("input"));
  for (const plan::ConvLayer& layer : layers_of(reader, graph.input)) {
    const auto index = static_cast<int>(graph.convs.size());
    graph.convs.push_back(conv_of(reader, layer));
    graph.grids.push_back(reader.grid(layer.name() + "/out"));
    if (features == layer.name()) graph.features_conv = index;
    if (carry == layer.name()) graph.carry_conv = index;
    if (graph.convs.back().int8 &&
        (!graph.grids[index] || !graph.grids[index + 1] || graph.grids[index + 1]->zero != 0))
      fail("{}: {}: in int8, expected a grid before it and one with zero point 0 behind it", reader.file(),
           layer.name());
  }
  for (const auto& [output, layer, conv] :
       {std::tuple{"features", features, graph.features_conv}, {"carry", carry, graph.carry_conv}})
    if (!layer.empty() && conv < 0)
      fail("{}: output '{}': found one behind '{}', expected one behind a convolution", origin, output, layer);
  const auto& last = graph.convs.back().layer;
  graph.classes = static_cast<int>(parse_json(reader.metadata("triage.classes"), reader.file()).size());
  if (graph.classes < 2)
    fail("{}: metadata 'triage.classes': found {} classes, expected 2 or more", reader.file(), graph.classes);
  graph.head_weight = reader.floats("head/weight", static_cast<std::size_t>(graph.classes) * last.out_channels);
  graph.head_bias = reader.floats("head/bias", graph.classes);
  return graph;
}

}  // namespace triage::compiler
