#include "exporting/imported/graph_runner.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/onnx/write.h"

namespace triage::exporting {
namespace {

onnx::ModelProto quantized_model(const model::Graph& graph) {
  return model::to_onnx(graph, {.opset = std::max(graph.opset, kQdqOpset)});
}

std::int64_t fixed_batch(const model::Graph& graph) {
  const auto& shape = graph.value(graph.inputs.at(0)).shape;
  return shape && !shape->empty() && shape->front().fixed() ? shape->front().size : 0;
}

}  // namespace

std::string quantized_bytes(const model::Graph& graph) {
  std::string bytes;
  if (!quantized_model(graph).SerializeToString(&bytes))
    fail("{}: the model cannot be serialised (2 GB is the limit)", graph.origin);
  return bytes;
}

CalibrationImages CalibrationImages::first(std::size_t images) const {
  CalibrationImages some = *this;
  some.count = std::min(images, count);
  some.values = values.first(values.size() / count * some.count);
  return some;
}

void run_graph(const model::Graph& graph, const std::vector<model::ValueId>& wanted, const CalibrationImages& images,
               const std::function<void(const NamedOutputs&, std::size_t images)>& use) {
  model::Graph part = graph;
  part.outputs = wanted;
  part.remove_unused();
  const Engine engine = onnx_engine(graph.origin, quantized_model(part), images.threads);
  const std::int64_t fixed = fixed_batch(graph);
  const auto batch = static_cast<std::size_t>(fixed > 1 ? fixed : images.batch);
  const std::size_t size = images.values.size() / images.count;
  std::vector<float> whole;
  for (std::size_t first = 0; first < images.count; first += batch) {
    const std::size_t n = std::min(batch, images.count - first);
    std::span<const float> values = images.values.subspan(first * size, n * size);
    std::size_t given = n;
    if (fixed > 1 && n < batch) {
      whole.assign(values.begin(), values.end());
      whole.resize(batch * size, 0.0f);
      values = whole;
      given = batch;
    }
    NamedOutputs outputs = engine.run(values, static_cast<int>(given));
    if (given != n) {
      for (auto& [name, numbers] : outputs) numbers.resize(numbers.size() / given * n);
    }
    use(outputs, n);
  }
}

void SignalToNoise::add(std::span<const float> reference, std::span<const float> values) {
  for (std::size_t i = 0; i < std::min(reference.size(), values.size()); ++i) {
    signal += double{reference[i]} * reference[i];
    noise += (double{reference[i]} - values[i]) * (double{reference[i]} - values[i]);
  }
}

double SignalToNoise::db() const {
  constexpr double kMost = 200;
  return noise == 0 ? kMost : std::clamp(10 * std::log10(signal / noise), -kMost, kMost);
}

}  // namespace triage::exporting
