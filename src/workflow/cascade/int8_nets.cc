#include "workflow/cascade/int8_nets.h"

#include <algorithm>
#include <format>

#include "core/error.h"
#include "core/files/file.h"
#include "engine/onnxruntime/onnx_session.h"
#include "model/onnx/read.h"
#include "preprocess/network_input.h"

namespace triage::workflow {
namespace {

std::shared_ptr<const engine::Session> session_of(const fs::path& file, int threads) {
  return engine::make_onnx_session(read_file(file), file.string(), {.threads = threads});
}

// What stage `index` reads: `before` is the plan as it stands in `directory`, `plan` as it is becoming in `to`.
FormSource source_of(const plan::Plan& before, const fs::path& directory, const plan::Plan& plan, const fs::path& to,
                     std::size_t index, const data::DatasetInfo& images, int threads) {
  std::vector<PartBefore> parts;
  std::size_t at = index;
  while (plan.stages[at].input == plan::StageInput::features) {
    at = static_cast<std::size_t>(plan.stages[at].source);
    const plan::Stage& part = plan.stages[at];
    parts.push_back({.sha256 = part.sha256,
                     .fp32 = session_of(directory / before.stages[at].onnx, threads),
                     .now = session_of(to / part.onnx, threads)});
  }
  std::ranges::reverse(parts);
  FormSource source = whole_net(plan.stages[at], images);
  source.before = std::move(parts);
  return source;
}

}  // namespace

// A net of ours that is a file has no preprocessing of its own: it reads the images as they are.
FormSource whole_net(const plan::Stage& stage, const data::DatasetInfo& images) {
  if (stage.preprocess) return {*stage.preprocess};
  return {preprocess::plain_preprocess({.height = images.height, .width = images.width, .channels = images.channels})};
}

exporting::QuantizeReport quantize_stage_file(plan::Stage& stage, const fs::path& directory, const fs::path& to,
                                              const std::string& name, const FormSource& source,
                                              const Int8Images& images, const Int8Choice& choice,
                                              std::vector<std::string>& notes) {
  const OpenForm open = [&](const std::string& model, int threads) {
    return engine::make_onnx_session(model, stage.onnx, {.threads = threads});
  };
  exporting::QuantizedModel made = int8_form(model::read_onnx(directory / stage.onnx), source, images, open, choice);
  if (!made.report.any_int8()) return std::move(made.report);
  stage.name = name;
  stage.onnx = name + ".onnx";
  stage.sha256 = sha256_hex(made.bytes);
  stage.precision = plan::Precision::int8;
  stage.artifacts.clear();
  stage.cost.reset();
  write_file_atomic(to / stage.onnx, made.bytes);
  add_counts(to / stage.onnx, stage, notes);
  return std::move(made.report);
}

bool quantize_stage_of_net(plan::Plan& plan, std::size_t index, const plan::Plan& before, const fs::path& directory,
                           const fs::path& to, const Int8Images& images, const Int8Choice& choice,
                           std::vector<std::string>& notes) {
  plan::Stage& stage = plan.stages.at(index);
  const fs::path file = directory / stage.onnx;
  if (const std::string found = sha256_file(file); found != stage.sha256)
    fail("{}: sha256: expected {} as in plan.json, found {}", file.string(), stage.sha256, found);
  bool int8 = false;
  if (stage.precision == plan::Precision::int8) {
    notes.push_back(std::format("{}: is in int8 already", stage.name));
  } else {
    const FormSource source = source_of(before, directory, plan, to, index, images.dataset.info(), choice.threads);
    const exporting::QuantizeReport report =
        quantize_stage_file(stage, directory, to, stage.name, source, images, choice, notes);
    int8 = report.any_int8();
    notes.push_back(std::format("{}: {}", stage.name, describe(report)));
  }
  if (!int8) fs::copy_file(file, to / stage.onnx);
  return int8;
}

void add_int8_nets(std::vector<ImportedNet>& nets, const fs::path& directory, const Int8Images& images,
                   const Int8Choice& choice) {
  const std::size_t count = nets.size();
  for (std::size_t i = 0; i < count; ++i) {
    ImportedNet made{.stage = nets[i].stage, .sha256 = nets[i].sha256, .adaptation = nets[i].adaptation};
    try {
      exporting::QuantizeReport report =
          quantize_stage_file(made.stage, directory, directory, nets[i].stage.name + kInt8Suffix,
                              whole_net(made.stage, images.dataset.info()), images, choice, made.notes);
      if (report.any_int8()) {
        made.int8_of = {.net = i, .report = std::move(report)};
        nets.push_back(std::move(made));
      } else {
        nets[i].notes.push_back("no int8 form: " + describe(report));
      }
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      nets[i].notes.push_back(std::format("no int8 form: {}", error.what()));
    }
  }
}

}  // namespace triage::workflow
