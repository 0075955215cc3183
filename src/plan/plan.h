// Plan: the deployable whole. A directory with plan.json (this file's struct, versioned) and one ONNX file per stage.
// Stages are ordered; inference starts at stage 0 and, at each exit but the last, goes on while the exit's score
// is above its threshold. Big/Little is two image stages; an early exit is followed by a feature stage.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/statistics/fit.h"
#include "core/statistics/statistics.h"
#include "engine/artifact.h"
#include "plan/arch.h"
#include "plan/precision.h"
#include "preprocess/preprocess.h"

namespace triage::plan {

inline constexpr int kPlanVersion = 2;  // 1 had one compiled file a stage in place of artifacts; it is read
inline constexpr std::size_t kMaxStages = 64;
inline constexpr int kMaxHidden = 4096;  // units of a router

enum class StageInput { image, features };  // features: the carried map of stage Stage::source
enum class PolicyKind { learned, confidence, entropy, margin, agreement };
inline constexpr std::array kPolicyKinds{PolicyKind::learned, PolicyKind::confidence, PolicyKind::entropy,
                                         PolicyKind::margin, PolicyKind::agreement};

enum class Metric { accuracy, balanced };  // share of the images that are right; mean of the classes' shares

std::string to_string(PolicyKind kind);
PolicyKind policy_from_string(const std::string& text, const std::string& where);
std::string to_string(Metric metric);
Metric metric_from_string(const std::string& text, const std::string& where);

// Two-layer perceptron on an exit's evidence: inputs are [pooled features (feature_width), confidence, entropy,
// margin], standardised as (x - mean) * scale, then ReLU(hidden), then sigmoid: the escalation score g(x) in [0, 1].
struct Router {
  int feature_width = 0, hidden = 0;
  std::vector<float> mean, scale;  // [inputs]
  std::vector<float> weight1;      // [hidden, inputs], row-major
  std::vector<float> bias1;        // [hidden]
  std::vector<float> weight2;      // [hidden]
  float bias2 = 0;
  float skip = 0;  // weight of the standardised confidence straight to the output
  int inputs() const { return feature_width + 3; }
};

// Every exit but the last can escalate.
struct Exit {
  double temperature = 1;        // logits are divided by it before any probability is formed
  std::optional<Router> router;  // present where a learned router was trained
  double threshold = 1;          // escalate while score > threshold
  // Answers together: the exit answers from the mean of the probabilities of the stages up to its own, weighted so. One
  // weight for each of them, 0 or more, together 1; empty: from its own stage alone.
  std::vector<double> answer_weights;
};

struct MeasuredCost {  // measured on the plan's device; µs per image at batch 1
  Summary latency_us;
  double prepare_us = 0;  // of that, preprocessing: not again for a stage whose input an earlier one has; 0: not known
  // [stages of the plan]: the mean where that stage has just run and its weights took the caches; its own place: as
  // latency_us. Empty: not known, each stage then costs the same wherever it stands.
  std::vector<double> behind_us;
  double first_inference_us = 0, load_ms = 0;
  std::optional<double> energy_uj;  // net of the idle machine, mean; none: not available
};

struct Stage {
  std::string name;  // "little"
  ArchSpec arch;     // no blocks: an imported network
  StageInput input = StageInput::image;
  int source = -1;                                   // for StageInput::features: index of an earlier stage
  std::optional<preprocess::Preprocess> preprocess;  // of an image stage; none: pixels / 255 at the plan's size
  std::string onnx;                                  // file name inside the plan directory
  std::string sha256;                                // of that file, never empty in a plan
  std::vector<engine::Artifact> artifacts;           // made from that file, for other engines; at most one for each
  int feature_width = 0;                             // elements of the "features" output, 0 when there is none
  std::int64_t macs = 0, parameters = 0;
  std::int64_t weight_bytes = 0, activation_bytes = 0;  // cost_model.h; activations 0: not known
  Precision precision = Precision::fp32;                // of its file
  Exit exit;
  std::optional<MeasuredCost> cost;

  const engine::Artifact* artifact(std::string_view engine) const;  // of `artifacts`; null: none for that engine
  void set_artifact(engine::Artifact artifact);  // in place of the one for its engine, if there is one
  std::vector<engine::Artifact> files() const;   // all that engines may run: those, then the ONNX file
};

struct Prediction {                  // what the chosen thresholds promise, on the validation split
  Metric metric = Metric::accuracy;  // the thresholds were chosen by it
  double accuracy = 0;               // in that metric
  double mean_latency_us = 0;
  std::vector<double> exit_share;  // fraction of images that leave at each exit
};

struct Plan {
  std::string name;
  InputShape input;
  Fit fit = Fit::squash;  // how the images of its training were brought to that size
  std::vector<std::string> classes;
  PolicyKind policy = PolicyKind::learned;
  std::vector<Stage> stages;
  std::optional<Prediction> predicted;
  Json provenance = Json::object();  // command, git, seed, data checksum, machine, engine: evidence, never read back
};

// What an image that comes to a stage adds to the plan's mean latency: the stage, without the preprocessing where an
// image stage before it has made the same, and what it and each stage before it take more because the other one ran
// since (those before it for the next image). The stages up to this one must have costs.
double latency_on_path_us(const Plan& plan, std::size_t stage);

// The plan of some of the stages, in any order, with what is known of their costs. None of them may read features.
Plan plan_of_stages(const Plan& plan, std::span<const std::size_t> stages);

bool is_name(const std::string& text);  // of plans, stages, files: something, without control characters

// Of Stage::artifacts. Reading checks everything; throws Error.
Json to_json(const std::vector<engine::Artifact>& artifacts);
std::vector<engine::Artifact> artifacts_from_json(const JsonReader& list);
engine::Artifact compiled_from_json(const JsonReader& json);  // as version 1 had it: a file and its sha256

Json to_json(const Plan& plan);
Plan plan_from_json(const Json& json, const std::string& origin);  // checks everything; throws Error

Plan load_plan(const fs::path& directory);  // reads and checks plan.json; stage files are checked by the runtime
void save_plan(const fs::path& directory, const Plan& plan);

}  // namespace triage::plan
