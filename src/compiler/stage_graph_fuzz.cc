// Any bytes as a stage file: refused with an Error, or a graph whose parts have the sizes that compile_stage expects.
#include <cstdlib>

#include "compiler/stage_graph.h"
#include "core/error.h"
#include "model/onnx/read.h"

namespace {

using namespace triage::compiler;

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_conv(const StageGraph& graph, std::size_t i) {
  const GraphConv& conv = graph.convs[i];
  const auto out = static_cast<std::size_t>(conv.layer.out_channels), size = 9 * out * conv.layer.in_channels;
  expect(conv.layer.in_channels > 0 && conv.layer.out_channels > 0 && conv.layer.height > 0 && conv.layer.width > 0);
  expect(!conv.layer.pool || (conv.layer.height > 1 && conv.layer.width > 1));
  if (conv.int8) {
    expect(conv.int8->weight.size() == size && conv.int8->bias.size() == out && conv.int8->scale.size() == out);
    expect(graph.grids[i] && graph.grids[i + 1] && graph.grids[i + 1]->zero == 0);
  } else {
    expect(conv.weight.size() == size && conv.bias.size() == out);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const StageGraph graph =
        stage_graph(triage::model::parse_onnx(std::string(reinterpret_cast<const char*>(data), size), "stage.onnx"));
    expect(!graph.convs.empty() && graph.grids.size() == graph.convs.size() + 1 && graph.classes > 1);
    for (std::size_t i = 0; i < graph.convs.size(); ++i) check_conv(graph, i);
    const auto channels = static_cast<std::size_t>(graph.convs.back().layer.out_channels);
    expect(graph.head_weight.size() == channels * static_cast<std::size_t>(graph.classes));
    expect(graph.head_bias.size() == static_cast<std::size_t>(graph.classes));
    expect(graph.convs[0].layer.in_channels == graph.input.channels);
  } catch (const triage::Error&) {
  }
  return 0;
}
