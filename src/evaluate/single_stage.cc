#include "evaluate/single_stage.h"

#include <algorithm>

#include "core/error.h"
#include "engine/compiled/stage_program.h"
#include "plan/plan.h"

namespace triage::evaluate {

void write_single_stage(const fs::path& directory, const std::string& name, const fs::path& to) {
  const plan::Plan whole = plan::load_plan(directory);
  const auto stage = std::ranges::find(whole.stages, name, &plan::Stage::name);
  std::string names;
  for (const plan::Stage& known : whole.stages)
    if (known.input == plan::StageInput::image) names += (names.empty() ? "" : ", ") + known.name;
  if (stage == whole.stages.end() || stage->input != plan::StageInput::image)
    fail("{}: stage: found '{}', expected one that starts from the image: {}", directory.string(), name, names);

  plan::Plan plan = plan::plan_of_stages(whole, {{static_cast<std::size_t>(stage - whole.stages.begin())}});
  plan::Stage& alone = plan.stages.front();
  alone.exit = {.temperature = alone.exit.temperature};
  plan.name += " " + name;
  plan.predicted.reset();
  fs::create_directories(to);
  fs::copy_file(directory / alone.onnx, to / alone.onnx);
  if (const engine::Artifact* const compiled = alone.artifact(engine::kCompiled)) {
    const std::string library = engine::load_program(directory / compiled->file).library;
    fs::copy_file(directory / compiled->file, to / compiled->file);
    fs::copy_file(directory / library, to / library);
  }
  plan::save_plan(to, plan);
}

}  // namespace triage::evaluate
