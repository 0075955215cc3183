#include "workflow/cascade/cascade_json.h"

namespace triage::workflow {

Json to_json(const CascadeResult& result, const plan::Plan& all) {
  Json nets = Json::array(), front = Json::array();
  for (std::size_t i = 0; i < result.nets.size(); ++i) {
    const ImportedNet& net = result.nets[i];
    Json trials = Json::array();
    for (const PreprocessTrial& trial : net.trials)
      trials.push_back(
          {{"name", trial.name}, {"preprocess", preprocess::to_json(trial.preprocess)}, {"accuracy", trial.accuracy}});
    nets.push_back({{"name", net.stage.name},
                    {"answer", importing::to_string(net.answer)},
                    {"preprocess", preprocess::to_json(*net.stage.preprocess)},
                    {"images", net.images},
                    {"trials", trials},
                    {"notes", net.notes},
                    {"latency_us", all.stages[i].cost->latency_us.mean},
                    {"prepare_us", all.stages[i].cost->prepare_us},
                    {"temperature", all.stages[i].exit.temperature},
                    {"validation_accuracy", result.accuracy[i]}});
  }
  for (const CascadePoint& point : result.front) {
    Json chain = Json::array();
    for (const std::size_t net : point.chain) chain.push_back(result.nets[net].stage.name);
    Json one = {{"nets", chain}, {"accuracy", point.at.accuracy}, {"mean_latency_us", point.at.latency_us}};
    if (point.chain.size() > 1) {
      one["policy"] = plan::to_string(point.policy);
      one["thresholds"] = point.at.thresholds;
      if (!point.weights.empty()) one["answer_weights"] = point.weights;
    }
    front.push_back(one);
  }
  return {{"version", 1}, {"nets", nets}, {"front", front}, {"chosen", result.chosen}};
}

}  // namespace triage::workflow
