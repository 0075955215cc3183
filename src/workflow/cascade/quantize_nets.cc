#include "workflow/cascade/quantize_nets.h"

#include <algorithm>
#include <format>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/progress.h"
#include "core/system/limits.h"
#include "core/system/machine.h"
#include "engine/onnxruntime/onnx_session.h"
#include "model/onnx/read.h"
#include "workflow/build/plan_with_curve.h"
#include "workflow/cascade/int8_nets.h"
#include "workflow/cascade/measure_nets.h"
#include "workflow/config/plan_data.h"

namespace triage::workflow {
namespace {

// Splits as `triage cascade` draws them; no test images are needed.
data::Splits splits_of(const data::Dataset& dataset, std::uint64_t seed) {
  return data::make_splits(dataset, data::resolve_splits(dataset.info(), std::nullopt, std::nullopt, seed));
}

}  // namespace

QuantizedNet quantize_net(const NetSource& source, const fs::path& out, const QuantizeNets& request) {
  const data::Dataset dataset = data::Dataset::open(request.data);
  const data::Splits splits = splits_of(dataset, request.seed);
  const Int8Images images = int8_images(dataset, splits, request.seed);
  const TemporaryDirectory directory("quantize");
  QuantizedNet made{.net = import_net(source, dataset, images.asked, directory.path(), request.choice.context)};
  const fs::path form = directory.path() / "form.onnx";
  const OpenForm open = [&](const std::string& model, int threads) {
    write_file_atomic(form, model);
    importing::NetRequest as_found = source.net;
    as_found.file = form;
    const importing::OnnxNet net = importing::read_onnx_net(as_found, static_cast<int>(dataset.info().classes.size()),
                                                            static_cast<int>(source.classes.size()));
    return engine::make_onnx_session(importing::adapted(net, made.net.adaptation).SerializeAsString(),
                                     source.net.file.string(), {.threads = threads});
  };
  const exporting::QuantizedModel quantized =
      int8_form(model::read_onnx(source.net.file), {*made.net.stage.preprocess}, images, open, request.choice);
  made.report = quantized.report;
  if (!made.report.any_int8())
    fail("{}: stays in fp32: {}; nothing was written", source.net.file.string(), describe(made.report));
  made.fp32_bytes = fs::file_size(source.net.file);
  made.bytes = quantized.bytes.size();
  write_file_atomic(out, quantized.bytes);
  return made;
}

bool is_plan_of_nets(const fs::path& plan) {
  if (!fs::exists(plan / "plan.json") || config_of_plan(plan)) return false;
  return std::ranges::all_of(plan::load_plan(plan).stages, [](const auto& stage) { return stage.arch.blocks.empty(); });
}

plan::Plan quantize_plan_of_nets(const fs::path& from, const fs::path& to, const QuantizeNets& request,
                                 std::vector<std::string>& notes) {
  const plan::Plan before = plan::load_plan(from);
  plan::Plan plan = before;
  const data::Dataset dataset = data::Dataset::open(request.data);
  if (dataset.info().classes != plan.classes)
    fail("{}: found classes that differ from those of plan '{}'", request.data.string(), plan.name);
  const data::Splits splits = splits_of(dataset, request.seed);
  const Int8Images images = int8_images(dataset, splits, request.seed);
  Progress progress(request.choice.context, "stages in int8", plan.stages.size(), "stages");
  bool any = false;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    any = quantize_stage_of_net(plan, i, before, from, to, images, request.choice, notes) || any;
    progress.update(i + 1);
  }
  progress.finish();
  if (!any) fail("{}: all stages stay as they are", from.string());
  measure_nets(
      plan, to, dataset, images.asked,
      {.seconds = request.profile_seconds, .threads = request.choice.threads, .context = request.choice.context});
  const plan::Metric metric = plan.predicted ? plan.predicted->metric : plan::Metric::accuracy;
  plan.name += " int8";
  plan.predicted.reset();
  plan.provenance = {{"command", "triage quantize " + from.string()},
                     {"git", git_revision()},
                     {"date", iso_time_now()},
                     {"data", {{"name", dataset.info().name}, {"sha256", dataset.info().sha256}}},
                     {"from", plan.provenance}};
  save_plan_with_curve(to, plan,
                       route::score_plan(plan, to, dataset, splits.validation, {}, thread_count(0),
                                         {.label = "score validation split", .context = request.choice.context}),
                       metric, plan.provenance.at("data"));
  return plan;
}

}  // namespace triage::workflow
