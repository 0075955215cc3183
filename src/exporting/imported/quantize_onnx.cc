// Map: Quantizer holds the graph in fp32, its grids and what is in 8 bits; calibrate, choose_range, choose_by_time,
// probe and keep_accuracy are the steps, in the order of the header.
#include "exporting/imported/quantize_onnx.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <set>

#include "core/error.h"
#include "core/progress.h"
#include "exporting/imported/graph_runner.h"
#include "exporting/imported/int8_graph.h"
#include "exporting/imported/normal_form.h"
#include "model/onnx/read.h"
#include "model/onnx/write.h"

namespace triage::exporting {
namespace {

using model::Graph;
using model::Node;
using model::Op;
using model::ValueId;
using Grids = std::map<ValueId, model::Grid>;

std::string title(const Graph& graph, const Node& node) {
  return node.name.empty() ? graph.value(node.output()).name : node.name;
}

// Kinds of nodes that engines may do faster or slower in 8 bits, all of a kind alike.
enum class Kind { image_convolution, depthwise, convolution, linear, activation, sum, pool, count };

Kind kind_of(const Graph& graph, const Node& node) {
  switch (node.op) {
    case Op::conv: {
      const auto& dims = graph.data(node.input(1)).dims;
      const std::int64_t groups = node.integer("group");
      constexpr std::int64_t kImageChannels = 4;
      if (groups == 1 && dims[1] <= kImageChannels) return Kind::image_convolution;
      return dims[1] == 1 && groups > 1 ? Kind::depthwise : Kind::convolution;
    }
    case Op::gemm:
    case Op::matmul:
      return Kind::linear;
    case Op::add:
    case Op::mul:
    case Op::concat:
      return Kind::sum;
    case Op::average_pool:
    case Op::global_average_pool:
      return Kind::pool;
    default:
      return Kind::activation;
  }
}

class Quantizer {
 public:
  Quantizer(Graph graph, CalibrationImages images, const QuantizeOptions& options)
      : graph_(std::move(graph)), images_(images), options_(options), candidates_(int8_candidates(graph_)) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (candidates_[i]) index_of_.push_back(i);
    }
    if (index_of_.empty())
      fail("{}: found no node that can be in 8 bits, expected a convolution or a linear layer", graph_.origin);
    if (options.weight_bits && *options.weight_bits != 7 && *options.weight_bits != 8)
      fail("weight_bits: found {}, expected 7 or 8", *options.weight_bits);
    if (options.probes == 0 && options.ask) fail("probes: found 0, expected 1 or more where accuracy is asked for");
    report_.weight_bits = options.weight_bits.value_or(8);
    int8_ = candidates_;
    reasons_.resize(graph_.nodes.size());
    for (const std::string& name : options.fp32) keep(index_of(name), "asked for");
  }

  QuantizedModel run() {
    calibrate();
    choose_range();
    if (options_.time) choose_by_time();
    if (options_.probes > 0) probe();
    if (options_.ask) keep_accuracy();
    describe();
    std::string bytes = bytes_with(int8_);
    return {std::move(bytes), std::move(report_)};
  }

 private:
  std::size_t index_of(const std::string& name) const {
    for (const std::size_t i : index_of_) {
      if (title(graph_, graph_.nodes[i]) == name) return i;
    }
    fail("{}: nodes that stay in fp32: found '{}', expected one that can be in 8 bits, such as '{}'", graph_.origin,
         name, title(graph_, graph_.nodes[index_of_.front()]));
  }

  void keep(std::size_t node, const std::string& reason) {
    int8_[node] = false;
    reasons_[node] = reason;
  }

  void check_stop() const {
    if (options_.context.stop.requested())
      throw Interrupted(std::format(
          "stopped; {}", options_.kept ? "the same command goes on from here" : "quantising begins anew next time"));
  }

  // What `find` finds of these forms of the net, or has found before a kill.
  KeptNumbers::Numbers kept(const std::string& what, std::span<const std::string> models,
                            const std::function<KeptNumbers::Numbers()>& find) const {
    if (options_.kept == nullptr) return find();
    std::string key = what;
    for (const std::string& model : models) key += ":" + sha256_hex(model);
    return options_.kept->get(key, find);
  }
  double right(const std::string& model) const {
    return kept("right", {&model, 1}, [&] { return KeptNumbers::Numbers{options_.ask(model)}; }).at(0);
  }

  void calibrate() {
    const std::vector<ValueId> owners = grid_owners(graph_);
    std::vector<ValueId> wanted = graph_.outputs;
    for (const ValueId id : owners) {
      if (std::ranges::find(graph_.inputs, id) == graph_.inputs.end() && std::ranges::find(wanted, id) == wanted.end())
        wanted.push_back(id);
    }
    const bool reads_image = std::ranges::find(owners, graph_.inputs[0]) != owners.end();
    if (reads_image) histograms_[graph_.inputs[0]].add(images_.values);
    run_graph(graph_, wanted, images_, [&](const NamedOutputs& outputs, std::size_t) {
      check_stop();
      for (const ValueId id : owners) {
        if (id != graph_.inputs[0]) histograms_[id].add(outputs.at(graph_.value(id).name));
      }
      for (const ValueId id : graph_.outputs) {
        const auto& part = outputs.at(graph_.value(id).name);
        answers_[id].insert(answers_[id].end(), part.begin(), part.end());
      }
    });
  }

  Grids grids_of(RangeMethod method) const {
    Grids grids;
    for (const auto& [id, histogram] : histograms_) {
      // An image's range is known and short: nothing is cut off it.
      const bool image = id == graph_.inputs[0];
      const Range range = histogram.range(image ? RangeMethod::minmax : method, options_.percentile);
      grids[id] = model::grid_over(range.low, range.high);
    }
    return grids;
  }

  // SQNR of the answers over the first `count` images.
  double answers_sqnr(const std::vector<bool>& int8, const Grids& grids, std::size_t count) const {
    const Graph graph = made(int8, grids).graph;
    const auto find = [&] { return KeptNumbers::Numbers{sqnr_of(graph, count)}; };
    if (options_.kept == nullptr) return find().at(0);
    const std::string bytes = quantized_bytes(graph);
    return kept(std::format("sqnr{}", count), {&bytes, 1}, find).at(0);
  }
  double sqnr_of(const Graph& graph, std::size_t count) const {
    check_stop();
    SignalToNoise found;
    std::map<ValueId, std::size_t> at;
    run_graph(graph, graph_.outputs, images_.first(count), [&](const NamedOutputs& outputs, std::size_t) {
      for (const ValueId id : graph_.outputs) {
        const auto& part = outputs.at(graph_.value(id).name);
        found.add(std::span(answers_.at(id)).subspan(at[id], part.size()), part);
        at[id] += part.size();
      }
    });
    return found.db();
  }

  void choose_range() {
    const std::vector<RangeMethod> methods =
        options_.range ? std::vector{*options_.range}
                       : std::vector{RangeMethod::minmax, RangeMethod::percentile, RangeMethod::entropy};
    for (const RangeMethod method : methods) {
      const Grids grids = grids_of(method);
      const double db = answers_sqnr(int8_, grids, images_.count);
      report_.answers_sqnr_db[to_string(method)] = db;
      if (!grids_.empty() && db <= report_.answers_sqnr_db[to_string(report_.range)]) continue;
      grids_ = grids;
      report_.range = method;
    }
  }

  Int8Graph made(const std::vector<bool>& int8, const Grids& grids) const {
    return int8_graph(graph_, int8, grids, largest_weight(report_.weight_bits));
  }
  static int largest_weight(int bits) { return bits == 7 ? model::kLargestWeightOfPairs : model::kLargestWeight; }
  std::string bytes_with(const std::vector<bool>& int8) const { return quantized_bytes(made(int8, grids_).graph); }

  // How many times as fast one form of the net is as another.
  struct Form {
    std::vector<bool> int8;
    int weight_bits;
  };
  std::string bytes_of(const Form& form) const {
    return quantized_bytes(int8_graph(graph_, form.int8, grids_, largest_weight(form.weight_bits)).graph);
  }
  // Between nodes in 8 bits a node may be the same either way.
  bool same_nodes(const Form& form, const Form& other) const {
    const auto nodes = [&](const Form& one) {
      const Graph graph = int8_graph(graph_, one.int8, grids_, largest_weight(one.weight_bits)).graph;
      const int opset = std::max(graph.opset, kQdqOpset);
      std::multiset<std::string> all;
      for (const Node& node : graph.nodes) all.insert(model::node_to_onnx(graph, node, opset).SerializeAsString());
      return all;
    };
    return nodes(form) == nodes(other);
  }
  double speedup(const Form& form, const Form& other) {
    check_stop();
    const std::array models{bytes_of(form), bytes_of(other)};
    const std::vector<double> us = kept("us", models, [&] { return options_.time(models); });
    report_.us = us.at(0);
    report_.fp32_us = us.at(1);
    return us[1] / us[0];
  }

  void choose_by_time() {
    const auto current = [&] { return Form{int8_, report_.weight_bits}; };
    if (!options_.weight_bits && speedup({int8_, 7}, current()) > options_.min_speedup) report_.weight_bits = 7;
    for (int kind = 0; kind < static_cast<int>(Kind::count); ++kind) {
      Form without = current();
      for (const std::size_t i : index_of_) {
        if (kind_of(graph_, graph_.nodes[i]) == static_cast<Kind>(kind)) without.int8[i] = false;
      }
      if (without.int8 == int8_ || same_nodes(without, current())) continue;
      if (speedup(current(), without) >= options_.min_speedup) continue;
      for (const std::size_t i : index_of_) {
        if (int8_[i] && !without.int8[i]) keep(i, "not faster");
      }
    }
    stay_where_not_faster();
  }

  // Where the net as it is now is not faster than in fp32, all of it stays there.
  void stay_where_not_faster() {
    const std::vector<bool> fp32(graph_.nodes.size(), false);
    if (int8_ != fp32 && speedup({int8_, report_.weight_bits}, {fp32, report_.weight_bits}) >= options_.min_speedup)
      return;
    for (const std::size_t i : index_of_) {
      if (int8_[i]) keep(i, "not faster");
    }
    report_.us = report_.fp32_us;
    report_.accuracy = report_.fp32_accuracy;
  }

  void probe() {
    Progress progress(options_.context, "quantise", index_of_.size(), "nodes");
    for (const std::size_t i : index_of_) {
      std::vector<bool> alone(graph_.nodes.size(), false);
      alone[i] = true;
      alone_[i] = answers_sqnr(alone, grids_, options_.probes);
      progress.update(alone_.size());
    }
    progress.finish();
  }

  // The smallest number of nodes, the worst first, that has to go back for the loss to be within the budget. One more
  // in fp32 is taken to be no worse, so that halving finds it.
  void keep_accuracy() {
    std::vector<std::size_t> worst;
    for (const std::size_t i : index_of_) {
      if (int8_[i]) worst.push_back(i);
    }
    if (worst.empty()) return;
    std::ranges::stable_sort(worst, {}, [&](std::size_t i) { return alone_.at(i); });
    const double fp32 = options_.fp32_accuracy ? *options_.fp32_accuracy
                                               : right(bytes_with(std::vector<bool>(graph_.nodes.size(), false)));
    report_.fp32_accuracy = fp32;
    const auto accuracy_without = [&](std::size_t number) {
      check_stop();
      std::vector<bool> int8 = int8_;
      for (std::size_t k = 0; k < number; ++k) int8[worst[k]] = false;
      return right(bytes_with(int8));
    };
    report_.all_int8_accuracy = report_.accuracy = accuracy_without(0);
    if (fp32 - *report_.accuracy <= options_.max_loss) return;
    std::size_t low = 0, high = worst.size();  // low is too few, high is enough
    report_.accuracy = options_.fp32_accuracy ? accuracy_without(high) : fp32;
    while (high - low > 1) {
      const std::size_t middle = (low + high) / 2;
      const double accuracy = accuracy_without(middle);
      if (fp32 - accuracy <= options_.max_loss) {
        high = middle;
        report_.accuracy = accuracy;
      } else {
        low = middle;
      }
    }
    for (std::size_t k = 0; k < high; ++k) keep(worst[k], "accuracy");
    if (options_.time) stay_where_not_faster();
  }

  // What each node gives in the result against fp32, over the first images.
  std::vector<SignalToNoise> noise_by_node() const {
    const Int8Graph result = made(int8_, grids_);
    std::map<std::string, SignalToNoise> found;
    std::vector<ValueId> wanted, held;
    for (const std::size_t i : index_of_) {
      const ValueId id = graph_.nodes[i].output(), holder = result.held_by[static_cast<std::size_t>(id)];
      wanted.push_back(id);
      held.push_back(holder);
    }
    std::vector<NamedOutputs> reference;
    const CalibrationImages some = images_.first(std::min<std::size_t>(options_.probes, 8));
    run_graph(graph_, wanted, some, [&](const NamedOutputs& outputs, std::size_t) { reference.push_back(outputs); });
    std::vector<ValueId> unique_held = held;
    std::ranges::sort(unique_held);
    unique_held.erase(std::ranges::unique(unique_held).begin(), unique_held.end());
    std::size_t batch = 0;
    std::vector<SignalToNoise> noise(index_of_.size());
    run_graph(result.graph, unique_held, some, [&](const NamedOutputs& outputs, std::size_t) {
      for (std::size_t k = 0; k < index_of_.size(); ++k)
        noise[k].add(reference[batch].at(graph_.value(wanted[k]).name), outputs.at(result.graph.value(held[k]).name));
      ++batch;
    });
    return noise;
  }

  void describe() {
    const bool probed = options_.probes > 0;
    const std::vector<SignalToNoise> noise = probed ? noise_by_node() : std::vector<SignalToNoise>{};
    for (std::size_t k = 0; k < index_of_.size(); ++k) {
      const std::size_t i = index_of_[k];
      const Node& node = graph_.nodes[i];
      report_.nodes.push_back({title(graph_, node), std::string(model::to_string(node.op)), int8_[i], reasons_[i],
                               probed ? noise[k].db() : 0, probed ? alone_.at(i) : 0});
    }
    report_.final_sqnr_db = answers_sqnr(int8_, grids_, images_.count);
  }

  Graph graph_;
  CalibrationImages images_;
  const QuantizeOptions& options_;
  std::vector<bool> candidates_, int8_;
  std::vector<std::size_t> index_of_;  // candidates
  std::vector<std::string> reasons_;   // by node
  std::map<ValueId, RangeHistogram> histograms_;
  std::map<ValueId, std::vector<float>> answers_;  // by output, of all images in fp32
  Grids grids_;
  std::map<std::size_t, double> alone_;  // by node
  QuantizeReport report_;
};

CalibrationImages checked_images(const Graph& graph, std::span<const float> images, std::size_t count,
                                 const QuantizeOptions& options) {
  if (graph.inputs.size() != 1) fail("{}: found {} inputs, expected 1", graph.origin, graph.inputs.size());
  const model::Value& input = graph.value(graph.inputs[0]);
  model::Shape shape = input.shape.value_or(model::Shape{});
  if (input.type != model::Type::float32 || shape.empty())
    fail("{}: input '{}': found {} of shape {}, expected float32 with a batch", graph.origin, input.name,
         to_string(input.type), to_string(shape));
  shape.erase(shape.begin());
  const auto size = static_cast<std::size_t>(model::elements(shape));
  if (count == 0 || images.size() != count * size)
    fail("{}: found {} values of {} calibration images, expected {} each and at least one image", graph.origin,
         images.size(), count, size);
  return {images, count, options.batch, options.threads};
}

}  // namespace

QuantizedModel quantize_graph(Graph graph, std::span<const float> images, std::size_t count,
                              const QuantizeOptions& options) {
  const CalibrationImages checked = checked_images(graph, images, count, options);
  normalize_graph(graph);
  return Quantizer(std::move(graph), checked, options).run();
}

QuantizedModel quantize_onnx(const fs::path& file, std::span<const float> images, std::size_t count,
                             const QuantizeOptions& options) {
  return quantize_graph(model::read_onnx(file), images, count, options);
}

bool QuantizeReport::any_int8() const { return std::ranges::any_of(nodes, &QuantizedNode::int8); }

Json to_json(const QuantizeReport& report) {
  Json nodes = Json::array();
  for (const QuantizedNode& node : report.nodes) {
    Json one = {{"name", node.name},
                {"op", node.op},
                {"int8", node.int8},
                {"sqnr_db", node.sqnr_db},
                {"alone_sqnr_db", node.alone_sqnr_db}};
    if (!node.reason.empty()) one["reason"] = node.reason;
    nodes.push_back(std::move(one));
  }
  Json json = {{"answers_sqnr_db", report.answers_sqnr_db},
               {"range", to_string(report.range)},
               {"final_sqnr_db", report.final_sqnr_db},
               {"weight_bits", report.weight_bits},
               {"nodes", nodes}};
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) json[name] = *value;
  };
  add("fp32_accuracy", report.fp32_accuracy);
  add("all_int8_accuracy", report.all_int8_accuracy);
  add("accuracy", report.accuracy);
  add("fp32_us", report.fp32_us);
  add("us", report.us);
  return json;
}

}  // namespace triage::exporting
