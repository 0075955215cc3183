#include "remote/shipment.h"

#include <algorithm>

#include "engine/compiled/stage_program.h"
#include "measure/stages/stage_engine.h"
#include "remote/remote_check.h"

namespace triage::remote {
namespace {

ShippedFile shipped_file(const fs::path& file) {
  return {.sha256 = sha256_file(file), .file = file, .size = fs::file_size(file)};
}

ShippedFile shipped_bytes(std::string bytes, const std::string& name = {}) {
  ShippedFile shipped{.sha256 = sha256_hex(bytes), .name = name, .size = bytes.size()};
  shipped.bytes = std::move(bytes);
  return shipped;
}

// A stage's program under its name, and beside it the library it names. Stages may share one.
void add_compiled(std::vector<ShippedFile>& files, const plan::Stage& stage, const fs::path& directory) {
  const fs::path program = measure::stage_file(stage, directory, engine::kCompiled);
  for (const std::string& name : {program.filename().string(), engine::load_program(program).library}) {
    if (std::ranges::any_of(files, [&](const ShippedFile& file) { return file.name == name; })) continue;
    files.push_back(shipped_file(directory / name));
    files.back().name = name;
  }
}

}  // namespace

std::vector<const ShippedFile*> Shipment::files() const {
  std::vector<const ShippedFile*> all = {&program, &images};
  for (const ShippedFile& file : plan) all.push_back(&file);
  return all;
}

Shipment ship(const Device& device, measure::Measurable what, const fs::path& directory, measure::Images images,
              const measure::Job& job) {
  check_program(device);
  Shipment shipment{.program = shipped_file(device.program), .job = job};
  shipment.program.place = "programs";
  shipment.images = shipped_bytes(measure::image_file_bytes(images, what.plan.input));
  const bool compiled = job.profile.provider == engine::kCompiled;
  for (plan::Stage& stage : what.plan.stages) {
    if (compiled) {
      add_compiled(shipment.plan, stage, directory);
      continue;
    }
    stage.artifacts.clear();
    ShippedFile file = shipped_file(directory / stage.onnx);
    stage.onnx = file.name = file.sha256 + ".onnx";
    shipment.plan.push_back(std::move(file));
  }
  Json list = what.whole ? to_json(what.plan) : measure::stage_list_to_json(what.plan);
  seal(list);
  shipment.plan.push_back(shipped_bytes(list.dump(), what.whole ? "plan.json" : "stages.json"));
  if (shipment.job.profile.cores.empty()) shipment.job.profile.cores = device.cores;
  shipment.job.nice = device.priority;
  shipment.plan_name = shipment.plan.back().sha256;
  shipment.state_name =
      sha256_hex(shipment.plan_name + shipment.images.sha256 + measure::job_identity(shipment.job).dump());
  return shipment;
}

}  // namespace triage::remote
