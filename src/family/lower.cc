#include "family/lower.h"

#include <cmath>
#include <format>

#include "core/error.h"
#include "model/shapes.h"

namespace triage::family {
namespace {

using model::Graph;
using model::Op;
using model::ValueId;
using Sizes = std::vector<std::int64_t>;

class Lowering {
 public:
  Lowering(const Blueprint& blueprint, const Weights& weights, const LowerOptions& options)
      : blueprint_(blueprint), weights_(weights), options_(options), made_(blueprint.layers.size(), model::kNone) {
    check();
    graph_.origin = graph_.name = options.name;
    graph_.opset = 17;
    graph_.ir_version = 8;
  }

  Lowered make() && {
    const int before = options_.first_section - 1;
    const int start = before < 0 ? kImage : blueprint_.section_ends[static_cast<std::size_t>(before)];
    source(start);
    for (int i = start + 1; i < static_cast<int>(made_.size()); ++i) {
      made_[static_cast<std::size_t>(i)] = layer(blueprint_.layers[static_cast<std::size_t>(i)]);
    }
    graph_.outputs.push_back(made_.back());
    Lowered lowered;
    for (std::size_t s = 0; s < blueprint_.section_ends.size(); ++s) {
      const bool there = static_cast<int>(s) >= options_.first_section;
      lowered.sections.push_back(there ? read(blueprint_.section_ends[s]) : model::kNone);
    }
    if (options_.features >= 0) {
      const ValueId map = lowered.sections[static_cast<std::size_t>(options_.features)];
      const ValueId pooled = graph_.add_node(Op::global_average_pool, {map}, "features/pool");
      graph_.outputs.push_back(graph_.add_node(Op::flatten, {pooled}, "features"));
    }
    if (options_.carry >= 0) {
      const ValueId map = lowered.sections[static_cast<std::size_t>(options_.carry)];
      graph_.outputs.push_back(graph_.add_node(Op::identity, {map}, "carry"));
    }
    model::infer_shapes(graph_);
    for (const ValueId output : graph_.outputs) graph_.value(output).shape->front() = {-1, "N"};
    lowered.graph = std::move(graph_);
    return lowered;
  }

 private:
  void check() const {
    const int sections = static_cast<int>(blueprint_.section_ends.size());
    for (const auto& [what, value, least] : {std::tuple{"first_section", options_.first_section, 0},
                                             {"features", options_.features, -1},
                                             {"carry", options_.carry, -1}}) {
      if (value < least || value >= sections || (value >= 0 && value < options_.first_section))
        fail("net {}: {}: expected a section from {} to {}, found {}", options_.name, what, options_.first_section,
             sections - 1, value);
    }
    const auto channels = static_cast<std::size_t>(blueprint_.input.channels);
    if (options_.mean.size() != options_.stddev.size() || (!options_.mean.empty() && options_.mean.size() != channels))
      fail("net {}: expected {} means and standard deviations, found {} and {}", options_.name, channels,
           options_.mean.size(), options_.stddev.size());
  }

  void source(int start) {
    const bool image = start == kImage;
    const Layer* last = image ? nullptr : &blueprint_.layers[static_cast<std::size_t>(start)];
    const std::int64_t channels = image ? blueprint_.input.channels : last->out_channels;
    const std::int64_t height = image ? blueprint_.input.height : last->height;
    const std::int64_t width = image ? blueprint_.input.width : last->width;
    const ValueId id = graph_.add_value({.name = image ? "image" : "carry_in",
                                         .type = model::Type::float32,
                                         .shape = model::Shape{{-1, "N"}, {channels, {}}, {height, {}}, {width, {}}}});
    graph_.inputs.push_back(id);
    if (!image) made_[static_cast<std::size_t>(start)] = id;
    image_ = id;
    if (!image || options_.mean.empty()) return;
    const ValueId mean = graph_.add_constant("normalise/mean", model::float_data({1, channels, 1, 1}, options_.mean));
    image_ = graph_.add_node(Op::sub, {id, mean}, "normalise/centred");
  }

  ValueId read(int layer) const { return layer == kImage ? image_ : made_.at(static_cast<std::size_t>(layer)); }

  // The division by stddev is a part of what reads the image.
  ValueId constant(const Layer& layer, const WeightSpec& spec) {
    std::vector<float> values = weights_(spec.name, spec.dims);
    const auto expected = static_cast<std::size_t>(model::elements(spec.dims));
    if (values.size() != expected)
      fail("net {}: {}: expected {} numbers, found {}", options_.name, spec.name, expected, values.size());
    if (layer.input == kImage && spec.dims.size() == 4 && !options_.stddev.empty()) {
      const std::size_t taps = static_cast<std::size_t>(spec.dims[2] * spec.dims[3]), channels = options_.stddev.size();
      for (std::size_t i = 0; i < values.size(); ++i) values[i] /= options_.stddev[i / taps % channels];
    }
    return graph_.add_constant(spec.name, model::float_data(spec.dims, values));
  }

  // Of a convolution or pool; what is as by default is left out.
  static model::Attributes window(const Layer& layer) {
    const std::int64_t kernel = layer.kernel, stride = layer.stride, pad = (kernel - 1) / 2;
    model::Attributes attributes{{"kernel_shape", Sizes{kernel, kernel}}};
    if (pad > 0) attributes["pads"] = Sizes{pad, pad, pad, pad};
    if (stride > 1) attributes["strides"] = Sizes{stride, stride};
    return attributes;
  }

  ValueId activated(const Layer& layer, ValueId value) {
    if (layer.activation == Activation::none) return value;
    const bool relu = layer.activation == Activation::relu;
    return graph_.add_node(relu ? Op::relu : Op::hard_swish, {value}, layer.name + (relu ? "/relu" : "/hard_swish"));
  }

  ValueId layer(const Layer& layer) {
    const ValueId from = read(layer.input);
    std::vector<ValueId> weights;
    for (const WeightSpec& spec : weights_of(layer)) weights.push_back(constant(layer, spec));
    switch (layer.kind) {
      case LayerKind::conv: {
        model::Attributes attributes = window(layer);
        attributes["group"] = std::int64_t{layer.groups};
        return activated(layer, graph_.add_node(Op::conv, {from, weights[0], weights[1]}, layer.name, attributes));
      }
      case LayerKind::max_pool:
        return graph_.add_node(Op::max_pool, {from}, layer.name, window(layer));
      case LayerKind::add:
        return activated(layer, graph_.add_node(Op::add, {from, read(layer.other)}, layer.name));
      case LayerKind::squeeze_excite:
        return squeeze_excite(layer, from, weights);
      case LayerKind::global_average:
      case LayerKind::global_max: {
        const Op pool = layer.kind == LayerKind::global_max ? Op::global_max_pool : Op::global_average_pool;
        return graph_.add_node(Op::flatten, {graph_.add_node(pool, {from}, layer.name)}, "head/flat");
      }
      case LayerKind::linear: {
        const bool last = &layer == &blueprint_.layers.back();
        return activated(layer, graph_.add_node(Op::gemm, {from, weights[0], weights[1]}, last ? "logits" : layer.name,
                                                {{"transB", std::int64_t{1}}}));
      }
    }
    fail("net {}: {}: a layer of a kind that is not known", options_.name, layer.name);
  }

  ValueId squeeze_excite(const Layer& layer, ValueId map, const std::vector<ValueId>& weights) {
    ValueId at = graph_.add_node(Op::global_average_pool, {map}, layer.name + "/mean");
    at = graph_.add_node(Op::conv, {at, weights[0], weights[1]}, layer.name + "/squeeze",
                         {{"kernel_shape", Sizes{1, 1}}});
    at = graph_.add_node(Op::relu, {at}, layer.name + "/squeeze/relu");
    at = graph_.add_node(Op::conv, {at, weights[2], weights[3]}, layer.name + "/excite",
                         {{"kernel_shape", Sizes{1, 1}}});
    at = layer.hard_gate
             ? graph_.add_node(Op::hard_sigmoid, {at}, layer.name + "/gate", {{"alpha", 1.0F / 6}, {"beta", 0.5F}})
             : graph_.add_node(Op::sigmoid, {at}, layer.name + "/gate");
    return graph_.add_node(Op::mul, {map, at}, layer.name);
  }

  const Blueprint& blueprint_;
  const Weights& weights_;
  const LowerOptions& options_;
  std::vector<ValueId> made_;  // by layer
  ValueId image_ = model::kNone;
  Graph graph_;
};

}  // namespace

Weights zero_weights() {
  return [](const std::string&, const model::Dims& dims) {
    return std::vector<float>(static_cast<std::size_t>(model::elements(dims)));
  };
}

Weights random_weights(std::uint64_t seed) {
  return [seed](const std::string& name, const model::Dims& dims) {
    Rng rng(derive_seed(seed, name));
    std::vector<float> values(static_cast<std::size_t>(model::elements(dims)));
    const double fan_in = double(values.size()) / double(dims.front());
    const double bound = dims.size() == 1 ? 0.1 : std::sqrt(6 / fan_in);
    for (float& value : values) value = static_cast<float>((2 * rng.uniform() - 1) * bound);
    return values;
  };
}

Lowered lower(const Blueprint& blueprint, const Weights& weights, const LowerOptions& options) {
  return Lowering(blueprint, weights, options).make();
}

model::Counts count(const ArchSpec& arch, const plan::InputShape& input, int classes) {
  return model::count(lower(blueprint(arch, input, classes), zero_weights(), {.name = arch.text()}).graph);
}

}  // namespace triage::family
