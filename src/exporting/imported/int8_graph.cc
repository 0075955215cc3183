// Map: Shape of the graph (candidates, owners of grids), then Builder: one walk over the nodes that copies each and
// puts those in 8 bits between their roundings.
#include "exporting/imported/int8_graph.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "exporting/int8/int8_nodes.h"

namespace triage::exporting {
namespace {

using model::Graph;
using model::Node;
using model::Op;
using model::ValueId;

bool real(const Graph& graph, ValueId id) { return id != model::kNone && graph.value(id).type == model::Type::float32; }
bool map_of(const Graph& graph, ValueId id) { return real(graph, id) && !graph.constant(id); }
bool weights(const Graph& graph, ValueId id) { return real(graph, id) && graph.constant(id); }

bool moves_numbers(Op op) {
  switch (op) {
    case Op::reshape:
    case Op::flatten:
    case Op::transpose:
    case Op::squeeze:
    case Op::unsqueeze:
    case Op::slice:
    case Op::max_pool:
    case Op::identity:
      return true;
    default:
      return false;
  }
}

bool hard_sigmoid_on_a_grid(const Node& node) {
  return node.real("alpha") > 0 && node.real("beta") >= 0 && node.real("beta") <= 1;
}

bool sums_products(Op op) { return op == Op::conv || op == Op::gemm || op == Op::matmul; }

// Products whose sums leave in real numbers need no rounding behind them.
bool may_leave_real(Op op) { return op == Op::gemm || op == Op::matmul; }

bool inputs_fit(const Graph& graph, const Node& node) {
  switch (node.op) {
    case Op::conv:
      return map_of(graph, node.input(0)) && weights(graph, node.input(1)) &&
             (node.input(2) == model::kNone || weights(graph, node.input(2)));
    case Op::gemm:
      return map_of(graph, node.input(0)) && weights(graph, node.input(1)) && node.integer("transA") == 0 &&
             node.integer("transB") != 0 && node.real("alpha") == 1 && node.real("beta") == 1 &&
             (node.input(2) == model::kNone ||
              (weights(graph, node.input(2)) && graph.data(node.input(2)).size() == graph.data(node.input(1)).dims[0]));
    case Op::matmul:
      return map_of(graph, node.input(0)) && weights(graph, node.input(1)) &&
             graph.data(node.input(1)).dims.size() == 2;
    case Op::hard_sigmoid:
      return map_of(graph, node.input(0)) && hard_sigmoid_on_a_grid(node);
    case Op::hard_swish:
    case Op::sigmoid:
    case Op::leaky_relu:
    case Op::average_pool:
    case Op::global_average_pool:
      return map_of(graph, node.input(0));
    case Op::add:
    case Op::mul:
      return map_of(graph, node.input(0)) && map_of(graph, node.input(1));
    case Op::concat:
      return std::ranges::all_of(node.inputs, [&](ValueId id) { return map_of(graph, id); });
    default:
      return false;
  }
}

// The node whose rounding is the one of `node`: a ReLU, or a clip to numbers that begin at 0, that alone reads it.
int rounded_by(const Graph& graph, const std::vector<std::vector<int>>& readers, int index) {
  const Node& node = graph.nodes[static_cast<std::size_t>(index)];
  const auto& read_by = readers[static_cast<std::size_t>(node.output())];
  const bool fuses = node.op == Op::conv || node.op == Op::add || node.op == Op::gemm;
  if (!fuses || read_by.size() != 1 || graph.is_output(node.output())) return index;
  const Node& next = graph.nodes[static_cast<std::size_t>(read_by.front())];
  const bool clip = next.op == Op::clip && graph.constant(next.input(1)) &&
                    graph.data(next.input(1)).numbers().at(0) == 0 &&
                    (next.input(2) == model::kNone || graph.constant(next.input(2)));
  return next.op == Op::relu || clip ? read_by.front() : index;
}

class Builder {
 public:
  Builder(const Graph& graph, const std::vector<bool>& int8, const std::map<ValueId, model::Grid>& grids, int largest)
      : from_(graph),
        int8_(int8),
        grids_(grids),
        largest_(largest),
        producers_(graph.producers()),
        readers_(graph.readers()) {
    to_.graph = graph;
    to_.graph.nodes.clear();
    for (std::size_t id = 0; id < graph.values.size(); ++id) to_.held_by.push_back(static_cast<ValueId>(id));
  }

  Int8Graph build() && {
    for (std::size_t i = 0; i < from_.nodes.size(); ++i) {
      if (int8_[i]) {
        const int last = rounded_by(from_, readers_, static_cast<int>(i));
        if (last != static_cast<int>(i)) rounds_.push_back(last);
      }
      add(i);
    }
    to_.graph.sort();
    to_.graph.remove_unused();
    return std::move(to_);
  }

 private:
  ValueId held(ValueId id) const { return id == model::kNone ? id : to_.held_by[static_cast<std::size_t>(id)]; }
  const std::string& name_of(ValueId id) const { return from_.value(id).name; }

  const model::Grid& grid(ValueId id) const {
    const auto found = grids_.find(grid_owner(from_, producers_, id));
    if (found == grids_.end()) fail("{}: value '{}': expected a grid of 8 bits", from_.origin, name_of(id));
    return found->second;
  }

  // A map on its grid.
  ValueId rounded(ValueId id) {
    if (const auto found = real_.find(id); found != real_.end()) return found->second;
    return real_[id] = add_rounding(to_.graph, grid(id), held(id), name_of(id));
  }

  // What readers of `id` see from now on is on its grid.
  void round_output(ValueId id) { to_.held_by[static_cast<std::size_t>(id)] = rounded(id); }

  void products(Node& node) {
    const std::string name = name_of(node.output());
    const model::Grid& input = grid(node.input(0));
    model::TensorData weight = from_.data(node.input(1));
    std::vector<float> numbers = weight.floats();
    const bool turned = node.op == Op::matmul;  // its weights are [in, out]
    const std::int64_t out = weight.dims[turned ? 1 : 0], in = weight.size() / std::max<std::int64_t>(1, out);
    const auto turn = [&](auto& values, std::int64_t rows, std::int64_t columns) {
      auto copy = values;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c)
          values[static_cast<std::size_t>(c * rows + r)] = copy[static_cast<std::size_t>(r * columns + c)];
      }
    };
    if (turned) turn(numbers, in, out);
    const bool has_bias = node.input(2) != model::kNone;
    const std::vector<float> bias =
        has_bias ? from_.data(node.input(2)).floats() : std::vector<float>(static_cast<std::size_t>(out), 0.0f);
    model::IntegerWeights rounded_weights = model::round_weights(numbers, bias, input, largest_);
    if (turned) turn(rounded_weights.weight, out, in);
    node.inputs[0] = rounded(node.input(0));
    const ConvInputs inputs =
        add_int8_weights(to_.graph, rounded_weights, input, weight.dims, name, turned ? 1 : 0, has_bias);
    node.inputs[1] = inputs.weight;
    if (has_bias) node.inputs[2] = inputs.bias;
  }

  // clip(alpha x + beta, 0, 1): x on a grid whose integers are those of [0, 1] in steps of 1 / 255. The LeakyRelu that
  // changes nothing lets ONNX Runtime take both roundings as one table of 256 numbers.
  ValueId hard_sigmoid(ValueId id, double alpha, double beta, const std::string& name) {
    const ValueId same = to_.graph.add_node(Op::leaky_relu, {rounded(id)}, name + "/same", {{"alpha", 1.0f}});
    to_.graph.value(same).type = model::Type::float32;
    to_.graph.value(same).shape = from_.value(id).shape;
    const model::Grid steps{static_cast<float>(1 / (255 * alpha)), static_cast<int>(std::nearbyint(255 * beta))};
    return add_rounding(to_.graph, steps, same, name, model::Grid{1.0f / 255, 0});
  }

  void add(std::size_t index) {
    Node node = from_.nodes[index];
    const ValueId output = node.outputs.front();
    const bool part_of_rounding = std::ranges::find(rounds_, static_cast<int>(index)) != rounds_.end();
    if (!int8_[index]) {
      for (ValueId& id : node.inputs) id = held(id);
      to_.graph.nodes.push_back(std::move(node));
      if (part_of_rounding) round_output(output);
      return;
    }
    if (node.op == Op::hard_sigmoid) {
      to_.held_by[static_cast<std::size_t>(output)] = real_[output] =
          hard_sigmoid(node.input(0), node.real("alpha"), node.real("beta"), name_of(output));
      return;
    }
    if (node.op == Op::hard_swish) {
      const ValueId gate = hard_sigmoid(node.input(0), 1.0 / 6, 0.5, name_of(output) + "/gate");
      to_.graph.nodes.push_back(
          {.op = Op::mul, .name = node.name, .inputs = {rounded(node.input(0)), gate}, .outputs = node.outputs});
      round_output(output);
      return;
    }
    if (sums_products(node.op)) {
      products(node);
    } else {
      for (ValueId& id : node.inputs) id = rounded(id);
    }
    const Op op = node.op;
    to_.graph.nodes.push_back(std::move(node));
    const bool rounds_itself = rounded_by(from_, readers_, static_cast<int>(index)) == static_cast<int>(index);
    if (rounds_itself && !(may_leave_real(op) && !read_in_int8(output))) round_output(output);
  }

  bool read_in_int8(ValueId id) const {
    return std::ranges::any_of(readers_[static_cast<std::size_t>(id)], [&](int reader) {
      const Node& node = from_.nodes[static_cast<std::size_t>(reader)];
      return int8_[static_cast<std::size_t>(reader)] || (moves_numbers(node.op) && read_in_int8(node.output()));
    });
  }

  const Graph& from_;
  const std::vector<bool>& int8_;
  const std::map<ValueId, model::Grid>& grids_;
  const int largest_;  // of weights
  const std::vector<int> producers_;
  const std::vector<std::vector<int>> readers_;
  Int8Graph to_;
  std::map<ValueId, ValueId> real_;  // maps on their grids
  std::vector<int> rounds_;          // nodes that are part of the rounding of one in 8 bits
};

}  // namespace

std::vector<bool> int8_candidates(const Graph& graph) {
  const auto readers = graph.readers();
  std::vector<bool> candidates;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    bool can = inputs_fit(graph, node);
    if (can && !may_leave_real(node.op)) {  // outputs of the net are real numbers
      const int last = rounded_by(graph, readers, static_cast<int>(i));
      can = !graph.is_output(graph.nodes[static_cast<std::size_t>(last)].output());
    }
    candidates.push_back(can);
  }
  return candidates;
}

ValueId grid_owner(const Graph& graph, const std::vector<int>& producers, ValueId id) {
  while (true) {
    const int made_by = producers[static_cast<std::size_t>(id)];
    if (made_by < 0) return id;
    const Node& node = graph.nodes[static_cast<std::size_t>(made_by)];
    if (!moves_numbers(node.op)) return id;
    id = node.inputs.front();
  }
}

std::vector<ValueId> grid_owners(const Graph& graph) {
  const std::vector<bool> candidates = int8_candidates(graph);
  const auto producers = graph.producers();
  const auto readers = graph.readers();
  std::vector<ValueId> owners;
  const auto add = [&](ValueId id) { owners.push_back(grid_owner(graph, producers, id)); };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!candidates[i]) continue;
    const Node& node = graph.nodes[i];
    for (const ValueId id : node.inputs) {
      if (map_of(graph, id)) add(id);
    }
    add(graph.nodes[static_cast<std::size_t>(rounded_by(graph, readers, static_cast<int>(i)))].output());
  }
  std::ranges::sort(owners);
  owners.erase(std::ranges::unique(owners).begin(), owners.end());
  return owners;
}

Int8Graph int8_graph(const Graph& graph, const std::vector<bool>& int8, const std::map<ValueId, model::Grid>& grids,
                     int largest_weight) {
  return Builder(graph, int8, grids, largest_weight).build();
}

}  // namespace triage::exporting
