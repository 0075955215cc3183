#include "workflow/search/cost_tables.h"

#include <optional>

#include "core/progress.h"
#include "workflow/device/measuring_program.h"

namespace triage::workflow {

std::vector<costing::LayerCostOptions> combinations(const costing::LayerCostOptions& options,
                                                    const std::vector<std::string>& providers,
                                                    const std::vector<int>& threads,
                                                    const std::vector<plan::Precision>& precisions) {
  std::vector<costing::LayerCostOptions> all;
  for (const std::string& provider : providers) {
    for (const int count : threads) {
      for (const plan::Precision precision : precisions) {
        costing::LayerCostOptions& one = all.emplace_back(options);
        one.provider = provider;
        one.threads = count;
        one.precision = precision;
      }
    }
  }
  return all;
}

cost::MemoryCosts measured_memory(const LayerTableSubject& subject, const std::vector<plan::Precision>& precisions,
                                  std::uint64_t seed, const Context& context) {
  const costing::MemoryCostOptions options{.precisions = precisions, .seed = seed, .stop = context.stop};
  std::optional<Progress> progress;
  cost::MemoryCosts costs =
      costing::measure_memory_costs(subject.space, subject.input, subject.classes, measuring_program(), options,
                                    [&](std::size_t done, std::size_t total) {
                                      if (!progress) progress.emplace(context, "memory", total, "plans", done);
                                      progress->update(done);
                                    });
  if (progress) progress->finish();
  return costs;
}

std::map<std::string, Figure> error_figures(const std::vector<cost::LayerCostTable>& tables,
                                            const family::AnySpace& space) {
  std::map<std::string, Figure> figures;
  const std::string of = space.figure_prefix() + "cost.";
  for (const cost::LayerCostTable& table : tables) {
    const cost::PredictionError& error = table.whole_error;
    const Figure percent{.value = error.mean_percent, .unit = "%", .n = error.stages};
    const Figure tau{.value = error.kendall_tau, .unit = "1", .n = error.stages};
    const std::string prefix = of + cost::setting_text(table.key) + "_";
    figures[prefix + "mean_error_percent"] = percent;
    figures[prefix + "kendall_tau"] = tau;
    Figure& worst = figures.try_emplace(of + "mean_error_percent", percent).first->second;
    if (percent.value > worst.value) worst = percent;
    Figure& least = figures.try_emplace(of + "kendall_tau", tau).first->second;
    if (tau.value < least.value) least = tau;
  }
  return figures;
}

std::map<std::string, Figure> memory_figures(const cost::MemoryCosts& costs) {
  std::map<std::string, Figure> figures;
  for (const auto& [precision, of] : costs.of) {
    const Figure mean{.value = of.error.mean_percent, .unit = "%", .n = of.error.plans};
    const Figure most{.value = of.error.max_percent, .unit = "%", .n = of.error.plans};
    figures["memory." + plan::to_string(precision) + "_error_percent"] = mean;
    for (const auto& [name, figure] : {std::pair{"memory.error_percent", mean}, {"memory.max_error_percent", most}}) {
      Figure& worst = figures.try_emplace(name, figure).first->second;
      if (figure.value > worst.value) worst = figure;
    }
  }
  return figures;
}

}  // namespace triage::workflow
