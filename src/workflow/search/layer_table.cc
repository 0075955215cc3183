#include "workflow/search/layer_table.h"

#include "core/progress.h"
#include "costing/compiled_nets.h"
#include "costing/layer_bench.h"
#include "engine/compiled/compiled_session.h"
#include "engine/names.h"
#include "engine/registry.h"
#include "workflow/build/kernels_program.h"
#include "workflow/config/run_config.h"

namespace triage::workflow {
namespace {

std::shared_ptr<costing::CompiledNets> compiled_nets(const LayerTableSubject& subject,
                                                     const costing::LayerCostOptions& options,
                                                     const std::string& tuning) {
  const compiler::Target target = compiler::this_cpu();
  const compiler::ScheduleOf guess = [target](const compiler::KernelKey& key) { return default_schedule(key, target); };
  const bool tuned = options.provider == engine::kTuned;
  if (tuned && !fs::exists(tuning))
    fail(
        "provider compiled: expected the tuning store {}, found none; 'triage tune' makes it, provider {} does without",
        tuning, engine::kUntuned);
  return std::make_shared<costing::CompiledNets>(
      costing::NetsToCompile{subject.space, subject.input, subject.classes, options},
      compiler::CompileOptions{.target = target, .threads = options.threads, .program = kernels_program()},
      tuned ? tuned_schedules({.store = tuning, .threads = options.threads}) : guess);
}

costing::NetEngine engine_for(const LayerTableSubject& subject, const costing::LayerCostOptions& options,
                              const std::string& tuning) {
  if (options.provider != engine::kTuned && options.provider != engine::kUntuned) return costing::onnx_engine(options);
  if (!subject.space.is_plain())
    fail("provider {}: expected a space of plain nets, the only ones with kernels of their own, found '{}'",
         options.provider, subject.space->text());
  return {.version = engine::version_of(engine::spec_of_engine(engine::kCompiled)),
          .open = [=, nets = std::shared_ptr<costing::CompiledNets>()](const std::string& onnx, const std::string&,
                                                                       const std::string& profile) mutable {
            if (!nets) nets = compiled_nets(subject, options, tuning);  // a complete table needs none
            return nets->open(onnx, profile);
          }};
}

}  // namespace

void use_data(const fs::path& file, LayerTableSubject& subject) {
  const data::Dataset dataset = data::Dataset::open(file, false);
  dataset.require_raw();
  const data::DatasetInfo& info = dataset.info();
  subject.input = {info.channels, info.height, info.width};
  subject.classes = static_cast<int>(info.classes.size());
}

LayerTableSubject supernet_subject(const fs::path& directory, const std::string& data, std::vector<int>& exits) {
  const RunConfig config = run_config_of(directory);
  if (!config.supernet) fail("{}: expected a [supernet], found none", config.origin);
  LayerTableSubject subject{.space = config.supernet->space};
  use_data(data.empty() ? config.data : data, subject);
  if (exits.empty()) exits = config.supernet->supernet.exits;
  return subject;
}

cost::LayerCostTable measured_layers(const LayerTableSubject& subject, const costing::LayerCostOptions& wanted,
                                     const fs::path& file, const std::string& tuning, const RemoteProfile& remote,
                                     const Context& context) {
  costing::LayerCostOptions options = wanted;
  options.stop = context.stop;
  std::optional<Progress> progress;
  const std::string title = "layers in " + cost::setting_text(costing::key_of(options)) +
                            (remote.device.empty() ? "" : " on " + remote.device);
  const auto show = [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace(context, title, total, "visits", done);
    progress->update(done);
  };
  const auto measure = [&](costing::LayerBench& bench) {
    cost::LayerCostTable table =
        costing::measure_layer_costs(subject.space, subject.input, subject.classes, options, file, bench, show);
    if (progress) progress->finish();
    return table;
  };
  if (remote.device.empty()) {
    return measure(
        *costing::layer_bench_here(subject.input, subject.classes, options, engine_for(subject, options, tuning)));
  }
  remote::Device device{.name = remote.device};  // of which a complete table needs no more
  if (!fs::exists(file) || !cost::load_layer_costs(file).complete) {
    if (options.provider != engine::kCpu && options.provider != engine::kXnnpack)
      fail("provider: found {}, expected {} or {} on device {}", options.provider, engine::kCpu, engine::kXnnpack,
           remote.device);
    device = remote::find_device(remote::load_devices(remote.devices_file), remote.device, remote.devices_file);
  }
  const auto say = [&](const std::string& text) {
    if (progress) progress->line(text);
  };
  return measure(*costing::layer_bench_on(device, subject.input, subject.classes, options,
                                          {.fresh = remote.remeasure, .progress = {}, .say = say}));
}

std::vector<std::string> device_remarks(const cost::LayerCostTable& table) {
  std::vector<std::string> remarks;
  for (const auto& [reason, visits] : table.unstable) {
    remarks.push_back(
        std::format("costs: {}: {} of {} visits are not stable: {}", table.device, visits, table.visits, reason));
  }
  return remarks;
}

}  // namespace triage::workflow
