#include "workflow/build/exported_check.h"

#include <algorithm>

#include "data/dataset.h"
#include "runtime/convert.h"

namespace triage::workflow {
namespace {

// decoded: holds those of an encoded set.
std::vector<ImageView> pick_images(const data::Dataset& dataset, std::uint32_t count,
                                   std::vector<data::Image>& decoded) {
  const auto& info = dataset.info();
  const std::uint32_t known = info.test_first();
  if (known == 0) fail("--check-data: data set '{}' has neither training nor validation images", info.name);
  count = std::min(count, known);
  decoded.resize(count);
  std::vector<ImageView> images;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::uint32_t>(i * known / count);
    images.push_back(dataset.view(index, decoded[i]));
  }
  return images;
}

}  // namespace

exporting::PlanCheck check_exported(const onnx::ModelProto& model, const fs::path& directory, const fs::path& data_file,
                                    std::uint32_t count) {
  const auto dataset = data::Dataset::open(data_file);
  const auto plan = plan::load_plan(directory);
  const auto& info = dataset.info();
  if (!plan.input.any_size()) {
    runtime::require_shape({info.channels, info.height, info.width}, plan.input, data_file.string() + ": images");
  }
  std::vector<data::Image> decoded;
  return exporting::check_plan_model(model, directory, pick_images(dataset, count, decoded));
}

}  // namespace triage::workflow
