// ScoreTable: what every stage of a plan says about every image of a split. All stages run on all images, so that any
// policy and any thresholds can be scored from the table alone, without a network.
// Arrays are dense, image-major: logits [count, classes], features [count, feature_width] (pooled early features).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "data/dataset.h"
#include "engine/session.h"
#include "plan/plan.h"

namespace triage::route {

struct StageScores {
  std::string name;
  int feature_width = 0;        // 0: the stage has no features output
  std::vector<float> logits;    // [count, classes], before the exit's temperature
  std::vector<float> features;  // [count, feature_width]
};

struct ScoreTable {
  std::string key;  // what it was made from (score_table_key)
  int classes = 0;
  std::vector<std::uint32_t> indices;  // [count] into the data set
  std::vector<Label> labels;           // [count]
  std::vector<StageScores> stages;

  std::size_t count() const { return labels.size(); }
  std::span<const float> logits(std::size_t stage, std::size_t image) const {
    return {stages[stage].logits.data() + image * classes, static_cast<std::size_t>(classes)};
  }
  std::span<const float> features(std::size_t stage, std::size_t image) const {
    const auto width = static_cast<std::size_t>(stages[stage].feature_width);
    return {stages[stage].features.data() + image * width, width};
  }
};

// The images `rows` of a table, in that order (cross-validation, bootstrap, tests).
ScoreTable select(const ScoreTable& table, std::span<const std::uint32_t> rows);

// These stages of a table, in that order: of plan::plan_of_stages.
ScoreTable table_of_stages(const ScoreTable& table, std::span<const std::size_t> stages);

// A digest of the stages' files, the data set's content and the indices: equal keys mean equal tables.
std::string score_table_key(const plan::Plan& plan, const data::DatasetInfo& dataset,
                            std::span<const std::uint32_t> indices);

struct FillOptions {
  int batch = 128;
  std::string label = "scoring";  // of the progress
  Context context;
};

// Runs every stage on every image of `indices`. A feature stage reads the carried map of its source. Throws Error when
// the data set's images or classes do not fit the plan, when a stage fails or gives values that are not finite, and
// Interrupted when it is to stop. plan.stages[i] runs on sessions[i].
ScoreTable fill_score_table(const plan::Plan& plan, std::span<const std::unique_ptr<engine::Session>> sessions,
                            const data::Dataset& dataset, std::span<const std::uint32_t> indices,
                            const FillOptions& options = {});

// File: "TRIAGEST", format version, JSON header, arrays, SHA-256 of all before. Written atomically; a damaged file,
// another version or a size that does not add up throws Error naming the file. Little-endian, as the machines we
// support.
void save_score_table(const fs::path& path, const ScoreTable& table);
ScoreTable load_score_table(const fs::path& path);

// The table stored at `path` when it has this work's key; otherwise filled and stored there. An empty path keeps
// nothing.
ScoreTable score_plan(const plan::Plan& plan, const fs::path& directory, const data::Dataset& dataset,
                      std::span<const std::uint32_t> indices, const fs::path& path, int threads,
                      const FillOptions& options = {});

}  // namespace triage::route
