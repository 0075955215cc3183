// Map: the outputs beside the answers are followed back to the maps they are taken from and left out; what remains has
// to be a chain, which StageReader follows from the input: input(), layer() for each convolution, head().
#include "compiler/stage_graph.h"

#include <algorithm>

#include "compiler/layer_constants.h"
#include "core/error.h"

namespace triage::compiler {
namespace {

using model::Graph;
using model::kNone;
using model::Node;
using model::Op;
using model::ValueId;

class StageReader {
 public:
  explicit StageReader(const Graph& graph) : graph_(graph) {}

  StageGraph read() {
    const ValueId answers = answers_of();
    producers_ = graph_.producers();
    const std::optional<ValueId> features = features_source(), carry = carry_source();
    graph_.outputs = {answers};
    graph_.remove_unused();
    producers_ = graph_.producers();
    readers_ = graph_.readers();
    input();
    while (peek() != nullptr && peek()->op == Op::conv) layer();
    if (stage_.convs.empty()) refuse_next("Conv");
    head(answers);
    stage_.features_conv = conv_before("features", features);
    stage_.carry_conv = conv_before("carry", carry);
    return std::move(stage_);
  }

 private:
  ValueId output(const std::string& name) const {
    for (const ValueId id : graph_.outputs)
      if (graph_.value(id).name == name) return id;
    return kNone;
  }
  ValueId answers_of() const {
    const ValueId logits = output("logits");
    if (logits == kNone && graph_.outputs.size() != 1)
      fail("{}: outputs: found {} and none is called 'logits', expected one", graph_.origin, graph_.outputs.size());
    return logits == kNone ? graph_.outputs.front() : logits;
  }

  const Node* producer(ValueId id) const {
    const int made_by = id == kNone ? -1 : producers_[static_cast<std::size_t>(id)];
    return made_by < 0 ? nullptr : &graph_.nodes[static_cast<std::size_t>(made_by)];
  }
  bool passes(const Node& node) const {  // hands on what it reads
    if (node.op == Op::identity) return true;
    return node.op == Op::cast && node.input(0) != kNone && graph_.value(node.input(0)).type == model::Type::float32 &&
           graph_.value(node.output()).type == model::Type::float32;
  }
  ValueId before_identities(ValueId id) const {
    for (const Node* node = producer(id); node != nullptr && passes(*node); node = producer(id)) id = node->input(0);
    return id;
  }
  // Whether the node makes [N, C] of [N, C, 1, 1].
  bool flattens(const Node& node) const {
    if (node.op != Op::flatten && node.op != Op::reshape && node.op != Op::squeeze) return false;
    const auto& to = graph_.value(node.output()).shape;
    const auto& from = node.input(0) == kNone ? std::nullopt : graph_.value(node.input(0)).shape;
    return to && from && to->size() == 2 && from->size() == 4 && (*to)[1].fixed() && (*to)[1] == (*from)[1];
  }

  std::optional<ValueId> features_source() const {
    const ValueId id = output("features");
    if (id == kNone) return std::nullopt;
    const Node* flat = producer(before_identities(id));
    const Node* pool = flat != nullptr && flattens(*flat) ? producer(before_identities(flat->input(0))) : nullptr;
    if (pool == nullptr || pool->op != Op::global_average_pool)
      fail("{}: output 'features': expected GlobalAveragePool and Flatten, found {}", graph_.origin,
           flat == nullptr ? std::string("an input") : graph_.label(*flat));
    return before_identities(pool->input(0));
  }
  std::optional<ValueId> carry_source() const {
    const ValueId id = output("carry");
    return id == kNone ? std::nullopt : std::optional(before_identities(id));
  }
  int conv_before(const char* name, std::optional<ValueId> source) const {
    if (!source) return -1;
    for (std::size_t i = 0; i < ends_.size(); ++i)
      if (std::ranges::find(ends_[i], *source) != ends_[i].end()) return static_cast<int>(i);
    fail("{}: output '{}': found one of '{}', expected the map of a layer, rounded where it is in int8, and pooled",
         graph_.origin, name, graph_.value(*source).name);
  }

  // The node that reads the value where the chain is; null: it is the answer.
  const Node* peek() {
    while (true) {
      if (graph_.is_output(at_)) return nullptr;
      const auto& readers = readers_[static_cast<std::size_t>(at_)];
      const auto refuse_value = [&](const std::string& found) {
        fail("{}: value '{}': found {}, expected one node: kernels exist for chains", graph_.origin,
             graph_.value(at_).name, found);
      };
      if (readers.empty()) refuse_value("no node that reads it");
      if (readers.size() > 1) {
        const auto label = [&](int node) { return graph_.label(graph_.nodes[static_cast<std::size_t>(node)]); };
        refuse_value(
            std::format("{} nodes that read it, {} and {}", readers.size(), label(readers[0]), label(readers[1])));
      }
      const Node& node = graph_.nodes[static_cast<std::size_t>(readers.front())];
      if (node.input(0) != at_) refuse(graph_, node, "found its map at another input than the first");
      if (!passes(node)) return &node;
      at_ = node.output();
      aliases_.push_back(at_);
    }
  }
  [[noreturn]] void refuse_next(const std::string& expected) {
    const Node* node = peek();
    if (node == nullptr)
      fail("{}: found the answers behind value '{}', expected {}", graph_.origin, graph_.value(at_).name, expected);
    refuse(graph_, *node, "expected {}", expected);
  }
  void go(const Node& node, bool same_numbers = false) {
    at_ = node.output();
    if (!same_numbers) aliases_.clear();
    aliases_.push_back(at_);
  }

  // A pair of QuantizeLinear and DequantizeLinear that begins here.
  std::optional<model::Grid> rounding() {
    const Node* node = peek();
    if (node == nullptr || node->op != Op::quantize) return std::nullopt;
    const model::Grid grid = grid_of(graph_, *node);
    at_ = node->output();
    const Node* back = peek();
    if (back == nullptr || back->op != Op::dequantize) refuse_next("DequantizeLinear: one behind a QuantizeLinear");
    if (grid_of(graph_, *back) != grid)
      refuse(graph_, *back, "found another scale or zero point than at its QuantizeLinear");
    at_ = back->output();
    return grid;
  }

  void input() {
    if (graph_.inputs.size() != 1) fail("{}: inputs: found {}, expected 1", graph_.origin, graph_.inputs.size());
    at_ = graph_.inputs.front();
    const model::Value& value = graph_.value(at_);
    if (value.type != model::Type::float32 || !value.shape || value.shape->size() != 4)
      fail("{}: input '{}': found {} {}, expected float32 [N, channels, height, width]", graph_.origin, value.name,
           to_string(value.type), value.shape ? model::to_string(*value.shape) : "of unknown shape");
    const auto dimension = [&](std::size_t i) {
      const std::int64_t size = (*value.shape)[i].size;
      if (size < 1 || size > plan::kMaxSide)
        fail("{}: input '{}': found a dimension of {}, expected 1 to {}", graph_.origin, value.name, size,
             plan::kMaxSide);
      return static_cast<int>(size);
    };
    stage_.input = {dimension(1), dimension(2), dimension(3)};
    stage_.reads_image = value.name != "carry_in";
    channels_ = stage_.input.channels, height_ = stage_.input.height, width_ = stage_.input.width;
    if (const Node* node = peek(); node != nullptr && node->op == Op::sub) {
      const bool batch = graph_.constant(node->input(1)) && graph_.data(node->input(1)).dims.size() == 4;
      stage_.mean = numbers_of<float>(graph_, *node, 1, model::Type::float32,
                                      batch ? model::Dims{1, channels_, 1, 1} : model::Dims{channels_, 1, 1});
      go(*node);
    }
    stage_.grids.push_back(rounding());
  }

  void layer() {
    if (stage_.convs.size() == plan::kMaxLayers) refuse(graph_, *peek(), "found more than {} layers", plan::kMaxLayers);
    const Node& conv = *peek();
    stage_.convs.push_back(read_convolution(graph_, conv, producer(conv.input(1)), producer(conv.input(2)),
                                            {channels_, height_, width_}, stage_.grids.back()));
    plan::ConvLayer& layer = stage_.convs.back().layer;
    channels_ = layer.out_channels;
    go(conv);
    bool relu = false;
    std::optional<model::Grid> grid;
    for (const Node* node = peek(); node != nullptr; node = peek()) {
      if (node->op == Op::relu) {
        go(*node, relu);
        relu = true;
      } else if (node->op == Op::max_pool && !layer.pool && halves(*node)) {
        layer.pool = true;
        go(*node);
        height_ /= 2, width_ /= 2;
      } else if (node->op == Op::quantize) {
        const auto found = rounding();
        if (grid && *grid != *found) refuse(graph_, *node, "found another grid than that of the map it reads");
        if (!grid) aliases_.clear();
        aliases_.push_back(at_);
        grid = found;
        if (grid->zero == 0) relu = true;
      } else {
        break;
      }
    }
    if (!relu) refuse_next("Relu: a layer of kernels is Conv, Relu, and MaxPool or none");
    stage_.grids.push_back(grid);
    const auto& before = stage_.grids[stage_.grids.size() - 2];
    if (stage_.convs.back().int8 && (!before || !grid || grid->zero != 0))
      refuse(graph_, conv, "in int8, expected a grid before it and one with zero point 0 behind it");
    ends_.push_back(aliases_);
  }

  // Whether a MaxPool is that of a layer; one over the whole map with nothing behind it but Flatten is the head's.
  bool halves(const Node& node) const {
    const std::int64_t sides[] = {height_, width_};
    const model::Window window = window_of(graph_, node, sides);
    const std::vector<std::int64_t> none{0, 0}, one{1, 1}, two{2, 2};
    return window.kernel == two && window.strides == two && window.dilations == one && window.begin == none &&
           window.end == none && !window.ceil && height_ > 1 && width_ > 1;
  }

  void head(ValueId answers) {
    const Node* node = peek();
    if (node != nullptr && node->op == Op::max_pool) {
      const std::int64_t sides[] = {height_, width_};
      const model::Window window = window_of(graph_, *node, sides);
      if (window.kernel != std::vector<std::int64_t>{height_, width_} ||
          window.output(sides) != std::vector<std::int64_t>{1, 1})
        refuse(graph_, *node, "expected 2x2 with stride 2 and no padding once in a layer, or the whole map of {}x{}",
               height_, width_);
    }
    if (node != nullptr && (node->op == Op::global_max_pool || node->op == Op::max_pool)) {
      go(*node);
    } else if (height_ > 1 || width_ > 1) {
      refuse_next("Conv, or GlobalMaxPool before the last layer");
    }
    if (const Node* quantize = peek(); quantize != nullptr && quantize->op == Op::quantize) {
      const auto& grid = stage_.grids.back();
      if (!grid || rounding() != grid) refuse(graph_, *quantize, "found another grid than that of the map it reads");
    }
    const Node* flat = peek();
    if (flat == nullptr || !flattens(*flat)) refuse_next("Flatten to [N, channels]");
    go(*flat);
    const Node* gemm = peek();
    if (gemm == nullptr || gemm->op != Op::gemm) refuse_next("Gemm: the last layer");
    Linear last = read_linear(graph_, *gemm, channels_);
    stage_.classes = last.classes;
    stage_.head_weight = std::move(last.weight);
    stage_.head_bias = std::move(last.bias);
    go(*gemm);
    if (peek() != nullptr || at_ != answers) refuse_next("nothing behind the last layer");
  }

  Graph graph_;
  std::vector<int> producers_;
  std::vector<std::vector<int>> readers_;
  StageGraph stage_;
  ValueId at_ = kNone;                      // where the chain has been followed to
  std::vector<ValueId> aliases_;            // values that hold the same numbers as that one
  std::vector<std::vector<ValueId>> ends_;  // by convolution: those that hold its layer's map
  int channels_ = 0, height_ = 0, width_ = 0;
};

}  // namespace

bool StageGraph::int8() const {
  return std::ranges::any_of(convs, [](const GraphConv& conv) { return conv.int8.has_value(); });
}

StageGraph stage_graph(const model::Graph& graph) { return StageReader(graph).read(); }

}  // namespace triage::compiler
