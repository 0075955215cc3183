// StageRunner: one stage in one engine session, run along the path that the runtime takes. What timing calls.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/session.h"
#include "measure/stages/stages.h"
#include "plan/plan.h"
#include "runtime/image_inputs.h"
#include "triage/classifier.h"

namespace triage::measure {

void run_or_fail(const engine::Session& session, int n, const engine::StageTensors& buffers);

struct StageUse {                                    // what the runtime does with a stage
  std::optional<preprocess::Preprocess> preprocess;  // of images
  plan::Exit exit;
  bool hands_over = false;  // the exit's score
  bool carries = false;     // the output "carry"
};

// A run converts the pixels (or copies the carried maps), runs the engine and forms the exit's evidence and score. Not
// thread-safe: it owns its buffers.
class StageRunner {
 public:
  // images and maps outlive the runner. maps: [images, input_size], what a feature stage starts from; null for
  // an image stage. Throws Error, with `origin` as the stage's name, when the stage takes inputs of another size.
  StageRunner(std::unique_ptr<engine::Session> session, const std::string& origin, StageUse use, Images images,
              const std::vector<float>* maps);

  void run(std::size_t run, int batch);  // runs rotate through the images

 private:
  void reserve(int batch);

  std::unique_ptr<engine::Session> session_;
  StageUse use_;
  Images images_;
  const std::vector<float>* maps_;
  plan::PolicyKind policy_;
  runtime::ImageInputs inputs_;  // of this stage alone
  preprocess::Scratch scratch_;
  std::vector<float> input_, logits_, features_, carry_;
  double scores_ = 0;  // keeps the scores from being optimised away
};

}  // namespace triage::measure
