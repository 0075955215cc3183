#include "cli/layer_table.h"

#include <cstdio>

#include "core/progress.h"
#include "profile/layer_bench.h"

namespace triage::cli {

plan::LayerCostTable measured_layers(const LayerTableSubject& subject, const profile::LayerCostOptions& options,
                                     const fs::path& file, const RemoteProfile& remote) {
  std::optional<Progress> progress;
  const std::string title = "layers in " + plan::setting_text(profile::key_of(options)) +
                            (remote.device.empty() ? "" : " on " + remote.device);
  const auto show = [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace(title, total, "visits", done);
    progress->update(done);
  };
  const auto measure = [&](profile::LayerBench& bench) {
    plan::LayerCostTable table =
        profile::measure_layer_costs(subject.space, subject.input, subject.classes, options, file, bench, show);
    if (progress) progress->finish();
    return table;
  };
  if (remote.device.empty()) return measure(*profile::layer_bench_here(subject.input, subject.classes, options));
  profile::Device device{.name = remote.device};  // of which a complete table needs no more
  if (!fs::exists(file) || !plan::load_layer_costs(file).complete) {
    device = profile::find_device(profile::load_devices(remote.devices_file), remote.device, remote.devices_file);
  }
  const auto say = [&](const std::string& text) {
    if (progress) progress->line(text);
  };
  return measure(*profile::layer_bench_on(device, subject.input, subject.classes, options,
                                          {.fresh = remote.remeasure, .progress = {}, .say = say}));
}

void print_device_remarks(const plan::LayerCostTable& table) {
  for (const auto& [reason, visits] : table.unstable) {
    std::fprintf(stderr, "costs: %s: %llu of %llu visits are not stable: %s\n", table.device.c_str(),
                 static_cast<unsigned long long>(visits), static_cast<unsigned long long>(table.visits),
                 reason.c_str());
  }
}

}  // namespace triage::cli
