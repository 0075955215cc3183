#include "workflow/cascade/cascade_json.h"

#include "workflow/cascade/imported_record.h"

namespace triage::workflow {
namespace {

// Of the net of this number against the one it was made of.
Json int8_json(const CascadeResult& result, const Int8Of& made, std::size_t net) {
  Json json = exporting::to_json(made.report);
  json["of"] = result.nets[made.net].stage.name;
  json["accuracy_lost"] = result.accuracy[made.net] - result.accuracy[net];
  json["speedup"] = result.latency_us[made.net] / result.latency_us[net];
  return json;
}

}  // namespace

Json to_json(const CascadeResult& result, const plan::Plan& all) {
  Json nets = Json::array(), front = Json::array();
  for (std::size_t i = 0; i < result.nets.size(); ++i) {
    Json net = to_json(result.nets[i]);
    net["latency_us"] = all.stages[i].cost->latency_us.mean;
    net["prepare_us"] = all.stages[i].cost->prepare_us;
    net["temperature"] = all.stages[i].exit.temperature;
    net["validation_accuracy"] = result.accuracy[i];
    if (result.nets[i].int8_of) net["int8"] = int8_json(result, *result.nets[i].int8_of, i);
    nets.push_back(net);
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
  Json learned = Json::array();
  for (const LearnedChain& one : result.learned) {
    Json chain = Json::array();
    for (const std::size_t net : one.chain) chain.push_back(result.nets[net].stage.name);
    learned.push_back({{"nets", chain},
                       {"answers_together", !one.weights.empty()},
                       {"points", one.gain.points},
                       {"standard_error", one.gain.error},
                       {"wins", one.gain.wins}});
  }
  return {{"version", 1}, {"nets", nets}, {"learned", learned}, {"front", front}, {"chosen", result.chosen}};
}

}  // namespace triage::workflow
