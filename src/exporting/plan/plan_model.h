// A whole plan as ONE standard ONNX model: stage 0, its score, Greater(score, threshold) and an If whose then-branch
// holds stage 1 and so on, whose else-branch gives stage 0's logits. Any ONNX engine that knows If runs it, without
// this program's runtime.
//
// Input "image" float32 [1, C, H, W] in [0, 1], or pixels (below); outputs "logits" float32 [1, classes] of the stage
// the image left at, "exit" int64 [1], the index of that stage. An If takes one decision for everything it is given:
// with another batch the then-branch gathers the images that go on and scatters their answers back, and is left out
// when there are none. Metadata: triage.version, triage.plan (name), triage.policy, triage.stages, triage.thresholds,
// triage.classes, triage.temperatures (JSON; one per stage) and triage.logits: "raw", or "calibrated" where they are
// divided by them. An exit that answers together with stages before it gives the logarithm of the mean of their
// probabilities, "raw" times its temperature: softmax(logits / temperature) is the mean.
//
// Where a stage has preprocessing of its own, as imported networks do, the input is the pixels of ONE image, as a
// decoder gives them: "image" uint8 [H, W, C], of any height and width (of the plan's where another stage takes them as
// they are), colours in the order RGB. Each distinct preprocessing is made once, in the branch that needs it first
// (preprocess_nodes.h). Networks of one batch size get this image filled up with zeros.
//
// The file has the latest operator set among the stages', 17 at least; operator_sets.h brings the others to it.
//
// Names: each stage's values are prefixed with "<stage name>/", those of imported networks with "<stage name>/net/"
// (a "/" in the stage's name becomes "_"). Branches read the image and carried maps of earlier stages from the
// enclosing graph. The score is made from plan.json (policy, temperature, router, threshold), which is what the runtime
// follows; a "score" output of the stage file is dropped.
#pragma once

#include <span>

#include "exporting/graph_builder.h"
#include "plan/plan.h"

namespace triage::exporting {

struct PlanModelOptions {
  int batch = 1;            // images of one call; 0: any number; of a model that takes pixels 1
  bool calibrated = false;  // logits are divided by the temperature of the exit they come from
};

// stages: one model per stage of the plan, as stage_to_onnx or importing::adapted makes them. Throws Error naming the
// stage, what was found and what was expected where they do not fit the plan, cannot be brought to one operator set or
// are together larger than one file may be (2 GB). The result is checked (check_model).
onnx::ModelProto compose_plan(const plan::Plan& plan, std::span<const onnx::ModelProto> stages,
                              const PlanModelOptions& options = {});

// The same from a plan directory: plan.json and the stage files it names, whose checksums are verified.
onnx::ModelProto compose_plan(const fs::path& directory, const PlanModelOptions& options = {});

}  // namespace triage::exporting
