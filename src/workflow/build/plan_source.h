// What a plan is built from: networks, and which of their blocks become which stage.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "engine/session.h"
#include "exporting/int8/stage_quantizer.h"
#include "exporting/stage_model.h"
#include "model/graph.h"
#include "workflow/build/choose_point.h"
#include "workflow/run/imported_stages.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

inline constexpr std::size_t kParityImages = 256;

struct StageSource {
  std::string name;           // also of its file: NAME.onnx
  supernet::Network network;  // fp32, in inference mode
  int first_block = 0, last_block = -1;
  int source = -1;     // the stage whose features it goes on from; -1: it starts from the image
  bool carry = false;  // a later stage goes on from its features
  plan::Precision precision = plan::Precision::fp32;  // wanted; the same for all stages of a network
  std::vector<std::string> fp32_layers;               // of the network, which stay as they are in int8
  std::optional<exporting::Int8Stage> int8;           // set by quantize_stages()
  // In place of a network, which is null then: somebody's net, or one of another family than plain.
  std::optional<ImportedStage> imported = {};
  int end_block() const { return last_block < 0 ? static_cast<int>(network->arch().blocks.size()) : last_block; }
  cost::Segment segment() const;
};

// A trained network of any family that is to become stages.
struct StagedNet {
  std::string name;
  supernet::AnyNetwork network = {};  // fp32, in inference mode
  std::vector<int> exits = {};        // blocks or sections behind which it answers too, rising
  plan::Precision precision = plan::Precision::fp32;
  std::vector<std::string> fp32_layers = {};
  fs::path weights = {};  // the file that it comes from, for the provenance of other families
};

// Adds its stages. Those of another family than plain are files RUN/imported/NAME.onnx, made anew and held to LibTorch.
// From there on each is as an imported net: the file is the stage, costs are of the whole of it, int8 is that of such
// nets. A net with a resolution of its own has preprocessing of its own, which the runtime does.
void add_stages(std::vector<StageSource>& stages, const Workspace& workspace, const StagedNet& net);
void add_family_stages(std::vector<StageSource>& stages, const Workspace& workspace, const StagedNet& net);  // of these
// Their stages as graphs, which read images or what the one before carries on.
std::vector<model::Graph> family_graphs(const Workspace& workspace, const StagedNet& net);

// Of a net with a resolution of its own: preprocess::squashed_preprocess.
std::optional<preprocess::Preprocess> own_preprocess(const supernet::AnyNetworkImpl& network);

// A whole network of any family as DIRECTORY/NAME.onnx, with the features of its router, held to LibTorch.
void write_net(const Workspace& workspace, const supernet::AnyNetwork& network, const std::string& name,
               const fs::path& directory);
void write_family_net(const Workspace& workspace, const supernet::AnyNetwork& network, const std::string& name,
                      const fs::path& directory);  // of another than plain

// The stages that a run's configuration names: trained networks and their exits, and imported nets.
std::vector<StageSource> trained_stages(const Workspace& workspace);

// A file that was just written, as the runtime opens it.
std::shared_ptr<const engine::Session> open_stage(const fs::path& directory, const std::string& file);

// Images as networks read them, [count, channels, height, width] in [0, 1]. preprocess: of a stage that has its own.
std::vector<float> network_inputs(const Workspace& workspace, std::span<const std::uint32_t> indices,
                                  const std::optional<preprocess::Preprocess>& preprocess = {});

// Stage `index`, which has a network, in numbers. exit: its score; none: without one.
exporting::StageModel stage_model(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                                  const std::optional<plan::Exit>& exit, plan::PolicyKind policy);

// Of stages of this run's plan: ranges from the first `max_images` images of the route split, the configuration's
// options.
exporting::StageQuantizer stage_quantizer(const Workspace& workspace, std::size_t max_images);

// Puts the stages that are wanted so into int8, with ranges from the first `images` images of the route split. Returns
// what was tried and, if asked for, what each layer costs, as RUN/int8.json holds it. progress: may be null.
Json quantize_stages(const Workspace& workspace, std::vector<StageSource>& stages, std::size_t images, bool every_layer,
                     Progress* progress = nullptr);

// Stage `index` as an ONNX file, which the ONNX checker has accepted. exit: its score; none: without one. Of an
// imported stage its own file, which has no score, and as the last stage no features.
std::string stage_file(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                       const std::optional<plan::Exit>& exit, plan::PolicyKind policy);

// LibTorch in fp32 (for a stage in int8 the integer arithmetic) against ONNX Runtime on validation images, through all
// the stages that an image takes to this one: logits and, where the stage has them, features within 1e-4. Throws Error
// with the worst element. An imported stage is what it was imported as: there is nothing to compare.
void check_stage_parity(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                        const fs::path& directory);

// Quantises, exports, checks parity, measures, fits temperatures and routers, chooses thresholds; writes RUN/plan/ and
// what belongs to it (new_plan.h). Where it throws, all that was there before is as it was.
plan::Plan build_plan(const Workspace& workspace, std::vector<StageSource> stages, const BuildOptions& options);

}  // namespace triage::workflow
