#include "workflow/build/kernels_to_tune.h"

#include <algorithm>

#include "family/plain/plain.h"
#include "workflow/search/layer_table.h"

namespace triage::workflow {
namespace {

std::vector<compiler::KernelKey> kernels_of_plan(const fs::path& directory, int threads) {
  std::vector<compiler::KernelKey> keys;
  for (const auto& stage : compiler::compilable_stages(directory, plan::load_plan(directory)).stages)
    for (const compiler::KernelKey& key : compiler::kernels_of(stage.graph, threads)) keys.push_back(key);
  return keys;
}

std::vector<compiler::KernelKey> kernels_of_layers(const std::vector<plan::ConvLayer>& layers,
                                                   const std::vector<plan::Precision>& precisions, int threads) {
  std::vector<compiler::KernelKey> keys;
  for (const plan::Precision precision : precisions)
    for (const plan::ConvLayer& layer : layers) keys.push_back(compiler::kernel_key(layer, precision, threads));
  return keys;
}

std::vector<plan::ConvLayer> layers_of_space(const fs::path& directory) {
  std::vector<plan::ConvLayer> layers;
  costing::LayerCostOptions options{.cover = 1};
  const LayerTableSubject supernet = supernet_subject(directory, "", options.exits);
  for (const costing::LayerCostSubject& subject : costing::layer_cost_subjects(supernet.space, supernet.input, options))
    if (subject.profiled)
      for (const plan::ConvLayer& layer : plan::conv_layers(family::plain_arch(subject.segment.arch), supernet.input))
        layers.push_back(layer);
  return layers;
}

std::vector<compiler::KernelKey> each_once(std::vector<compiler::KernelKey> keys) {
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

}  // namespace

std::vector<compiler::KernelKey> kernels_of_directory(const fs::path& directory,
                                                      const std::vector<plan::Precision>& precisions, int threads) {
  return each_once(fs::exists(directory / "plan.json")
                       ? kernels_of_plan(directory, threads)
                       : kernels_of_layers(layers_of_space(directory), precisions, threads));
}

std::vector<compiler::KernelKey> kernels_of_arch(const plan::ArchSpec& arch,
                                                 const std::vector<plan::Precision>& precisions, int threads) {
  return each_once(kernels_of_layers(plan::conv_layers(arch, {}), precisions, threads));
}

}  // namespace triage::workflow
