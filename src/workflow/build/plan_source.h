// What a plan is built from: networks, and which of their blocks become which stage.
#pragma once

#include <string>
#include <vector>

#include "core/progress.h"
#include "exporting/int8/stage_quantizer.h"
#include "exporting/stage_model.h"
#include "workflow/build/choose_point.h"
#include "workflow/run/pipeline.h"

namespace triage::workflow {

struct StageSource {
  std::string name;           // also of its file: NAME.onnx
  supernet::Network network;  // fp32, in inference mode
  int first_block = 0, last_block = -1;
  int source = -1;     // the stage whose features it goes on from; -1: it starts from the image
  bool carry = false;  // a later stage goes on from its features
  plan::Precision precision = plan::Precision::fp32;  // wanted; the same for all stages of a network
  std::vector<std::string> fp32_layers;               // of the network, which stay as they are in int8
  std::optional<exporting::Int8Stage> int8;           // set by quantize_stages()
  int end_block() const { return last_block < 0 ? static_cast<int>(network->arch().blocks.size()) : last_block; }
  cost::Segment segment() const;
};

// Adds the stages of a network that answers behind the blocks `exits` (rising) too.
void add_stages(std::vector<StageSource>& stages, const std::string& name, const supernet::Network& network,
                const std::vector<int>& exits, plan::Precision precision,
                const std::vector<std::string>& fp32_layers = {});

// The stages that a run's configuration names: trained networks and their exits.
std::vector<StageSource> trained_stages(const Workspace& workspace);

// Images as networks read them, [count, channels, height, width] in [0, 1].
std::vector<float> network_inputs(const Workspace& workspace, std::span<const std::uint32_t> indices);

// Stage `index` in numbers. exit: its score; none: without one.
exporting::StageModel stage_model(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                                  const std::optional<plan::Exit>& exit, plan::PolicyKind policy);

// Of stages of this run's plan: ranges from the first `max_images` images of the route split, the configuration's
// options.
exporting::StageQuantizer stage_quantizer(const Workspace& workspace, std::size_t max_images);

// Puts the stages that are wanted so into int8, with ranges from the first `images` images of the route split. Returns
// what was tried and, if asked for, what each layer costs, as RUN/int8.json holds it. progress: may be null.
Json quantize_stages(const Workspace& workspace, std::vector<StageSource>& stages, std::size_t images, bool every_layer,
                     Progress* progress = nullptr);

// Stage `index` as an ONNX file, which the ONNX checker has accepted. exit: its score; none: without one.
std::string stage_file(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                       const std::optional<plan::Exit>& exit, plan::PolicyKind policy);

// LibTorch in fp32 (for a stage in int8 the integer arithmetic) against ONNX Runtime on validation images, through all
// the stages that an image takes to this one: logits and, where the stage has them, features within 1e-4. Throws Error
// with the worst element.
void check_stage_parity(const Workspace& workspace, const std::vector<StageSource>& stages, std::size_t index,
                        const fs::path& directory);

// Quantises, exports, checks parity, measures, fits temperatures and routers, chooses thresholds; writes RUN/plan/ and
// what belongs to it (new_plan.h). Where it throws, all that was there before is as it was.
plan::Plan build_plan(const Workspace& workspace, std::vector<StageSource> stages, const BuildOptions& options);

}  // namespace triage::workflow
