#include "route/score_table.h"

#include <algorithm>
#include <cmath>

#include "core/progress.h"
#include "core/system/limits.h"
#include "runtime/cascade.h"
#include "runtime/convert.h"
#include "runtime/image_inputs.h"
#include "runtime/open_stage.h"

namespace triage::route {
namespace {

void check_fit(const plan::Plan& plan, const data::Dataset& dataset) {
  const data::DatasetInfo& info = dataset.info();
  if (!plan.input.any_size()) {
    dataset.require_raw();
    runtime::require_shape({info.channels, info.height, info.width}, plan.input,
                           std::format("data set '{}', plan '{}': images", info.name, plan.name));
  }
  if (info.classes.size() != plan.classes.size()) {
    fail("data set '{}': {} classes, the plan '{}' expects {}", info.name, info.classes.size(), plan.name,
         plan.classes.size());
  }
  for (std::size_t i = 0; i < plan.classes.size(); ++i) {
    if (info.classes[i] != plan.classes[i]) {
      fail("data set '{}': class {} is '{}', the plan '{}' expects '{}'", info.name, i, info.classes[i], plan.name,
           plan.classes[i]);
    }
  }
}

void check_shapes(const plan::Plan& plan, std::span<const std::unique_ptr<engine::Session>> sessions) {
  if (sessions.size() != plan.stages.size()) {
    fail("plan '{}': {} stages, {} sessions given", plan.name, plan.stages.size(), sessions.size());
  }
  const runtime::ImageInputs inputs(plan);
  for (std::size_t s = 0; s < sessions.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    const engine::SessionInfo& shape = sessions[s]->info();
    const int taken = inputs.of_stage(s);
    const int input = taken >= 0 ? static_cast<int>(inputs.elements(taken))
                                 : sessions[static_cast<std::size_t>(stage.source)]->info().carry_size;
    if (shape.input_size != input || shape.classes != static_cast<int>(plan.classes.size()) ||
        shape.feature_width != stage.feature_width) {
      fail("stage '{}' ({}): expected {} inputs, {} classes, {} features; found {}, {}, {}", stage.name, stage.onnx,
           input, plan.classes.size(), stage.feature_width, shape.input_size, shape.classes, shape.feature_width);
    }
  }
}

void check_finite(const plan::Stage& stage, const char* what, std::span<const float> values) {
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) {
    fail("stage '{}' ({}): expected finite {}, found a value that is not", stage.name, stage.onnx, what);
  }
}

}  // namespace

ScoreTable select(const ScoreTable& table, std::span<const std::uint32_t> rows) {
  ScoreTable out{table.key, table.classes, {}, {}, {}};
  for (std::uint32_t r : rows) {
    out.indices.push_back(table.indices[r]);
    out.labels.push_back(table.labels[r]);
  }
  for (std::size_t s = 0; s < table.stages.size(); ++s) {
    StageScores& stage = out.stages.emplace_back(table.stages[s].name, table.stages[s].feature_width);
    for (std::uint32_t r : rows) {
      const auto l = table.logits(s, r), f = table.features(s, r);
      stage.logits.insert(stage.logits.end(), l.begin(), l.end());
      stage.features.insert(stage.features.end(), f.begin(), f.end());
    }
  }
  return out;
}

ScoreTable table_of_stages(const ScoreTable& table, std::span<const std::size_t> stages) {
  ScoreTable part{table.key, table.classes, table.indices, table.labels, {}};
  for (const std::size_t stage : stages) part.stages.push_back(table.stages[stage]);
  return part;
}

std::string score_table_key(const plan::Plan& plan, const data::DatasetInfo& dataset,
                            std::span<const std::uint32_t> indices) {
  Sha256 sha;
  const auto add = [&sha](const std::string& text) { sha.update(text.c_str(), text.size() + 1); };
  add(dataset.sha256);
  for (const plan::Stage& stage : plan.stages) {
    add(stage.name);
    add(stage.sha256);
    add(std::to_string(stage.source));
    if (stage.preprocess) add(to_json(*stage.preprocess).dump());
  }
  sha.update(indices.data(), indices.size_bytes());
  return sha.hex();
}

ScoreTable fill_score_table(const plan::Plan& plan, std::span<const std::unique_ptr<engine::Session>> sessions,
                            const data::Dataset& dataset, std::span<const std::uint32_t> indices,
                            const FillOptions& options) {
  check_fit(plan, dataset);
  check_shapes(plan, sessions);
  const std::size_t count = indices.size(), stages = plan.stages.size(), classes = plan.classes.size();
  const auto batch = static_cast<std::size_t>(std::max(options.batch, 1));
  ScoreTable table{score_table_key(plan, dataset.info(), indices),
                   static_cast<int>(classes),
                   {indices.begin(), indices.end()},
                   {},
                   {}};
  for (std::uint32_t index : indices) table.labels.push_back(dataset.label(index));

  std::size_t widths = classes * stages;
  for (const auto& session : sessions) widths += static_cast<std::size_t>(session->info().feature_width);
  require_memory(std::format("the scores of {} images by {} stages", count, stages), count * widths * sizeof(float));
  for (std::size_t s = 0; s < stages; ++s) {
    const engine::SessionInfo& shape = sessions[s]->info();
    StageScores& out = table.stages.emplace_back(plan.stages[s].name, shape.feature_width);
    out.logits.resize(count * classes);
    out.features.resize(count * static_cast<std::size_t>(shape.feature_width));
  }

  runtime::CascadeWalk walk(plan, sessions, static_cast<int>(batch));
  std::vector<ImageView> images;
  std::vector<data::Image> decoded(batch);
  Progress progress(options.context, options.label, count, "images");
  for (std::size_t first = 0; first < count; first += batch) {
    if (options.context.stop.requested()) throw Interrupted("stopped while scoring images; run the same command again");
    const std::size_t n = std::min(batch, count - first);
    images.clear();
    for (std::size_t i = 0; i < n; ++i) images.push_back(dataset.view(indices[first + i], decoded[i]));
    walk.run(images, [&](std::size_t stage) {
      StageScores& out = table.stages[stage];
      const auto width = static_cast<std::size_t>(out.feature_width);
      return runtime::StageOutputs{.logits = out.logits.data() + first * classes,
                                   .features = width > 0 ? out.features.data() + first * width : nullptr};
    });
    progress.update(first + n);
  }
  progress.finish();
  for (std::size_t s = 0; s < stages; ++s) {
    check_finite(plan.stages[s], "logits", table.stages[s].logits);
    check_finite(plan.stages[s], "features", table.stages[s].features);
  }
  return table;
}

ScoreTable score_plan(const plan::Plan& plan, const fs::path& directory, const data::Dataset& dataset,
                      std::span<const std::uint32_t> indices, const fs::path& path, int threads,
                      const FillOptions& options) {
  check_fit(plan, dataset);
  if (!path.empty() && fs::exists(path)) {
    ScoreTable stored = load_score_table(path);
    if (stored.key == score_table_key(plan, dataset.info(), indices)) return stored;
  }
  const auto sessions = runtime::open_stages(plan, directory, {.threads = threads});
  ScoreTable table = fill_score_table(plan, sessions, dataset, indices, options);
  if (!path.empty()) save_score_table(path, table);
  return table;
}

}  // namespace triage::route
