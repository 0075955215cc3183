#include "workflow/cascade/imported_record.h"

#include <format>

#include "core/text.h"

namespace triage::workflow {

std::vector<std::string> import_lines(const ImportedNet& net) {
  std::vector<std::string> lines;
  if (!net.preprocess_file.empty()) lines.push_back("preprocessing: " + net.preprocess_file.string());
  if (!net.trials.empty()) lines.push_back(std::format("preprocessing found on {} images:", net.images));
  for (const PreprocessTrial& trial : net.trials)
    lines.push_back(std::format("  {:6.2f} %  {}", 100 * trial.accuracy, trial.name));
  lines.insert(lines.end(), net.notes.begin(), net.notes.end());
  return lines;
}

Json to_json(const ImportedNet& net) {
  Json trials = Json::array();
  for (const PreprocessTrial& trial : net.trials)
    trials.push_back(
        {{"name", trial.name}, {"preprocess", preprocess::to_json(trial.preprocess)}, {"accuracy", trial.accuracy}});
  return {{"name", net.stage.name},
          {"file_sha256", net.sha256},
          {"stage_sha256", net.stage.sha256},
          {"answer", importing::to_string(net.adaptation.answer)},
          {"free_batch", net.adaptation.free_batch},
          {"class_at", net.adaptation.class_at},
          {"features", net.adaptation.features},
          {"preprocess", net.stage.preprocess ? preprocess::to_json(*net.stage.preprocess) : Json()},
          {"preprocess_file", printable_line(net.preprocess_file.string())},
          {"precision", plan::to_string(net.stage.precision)},
          {"feature_width", net.stage.feature_width},
          {"macs", net.stage.macs},
          {"parameters", net.stage.parameters},
          {"weight_bytes", net.stage.weight_bytes},
          {"activation_bytes", net.stage.activation_bytes},
          {"images", net.images},
          {"trials", trials},
          {"notes", net.notes}};
}

ImportedNet imported_net_from_json(const JsonReader& json) {
  ImportedNet net;
  net.stage.name = json.get<std::string>("name");
  net.stage.onnx = net.stage.name + ".onnx";
  net.stage.sha256 = json.get<std::string>("stage_sha256");
  if (const JsonReader preprocess = json.at("preprocess"); !preprocess.json().is_null())
    net.stage.preprocess = preprocess::preprocess_from_json(preprocess);
  net.stage.feature_width = json.get_in("feature_width", 0, 1 << 20);
  for (const auto& [key, value] :
       {std::pair("macs", &net.stage.macs), std::pair("parameters", &net.stage.parameters),
        std::pair("weight_bytes", &net.stage.weight_bytes), std::pair("activation_bytes", &net.stage.activation_bytes)})
    *value = json.get_in<std::int64_t>(key, 0, INT64_MAX);
  net.sha256 = json.get<std::string>("file_sha256");
  const std::string answer = json.get<std::string>("answer");
  for (const auto kind : {importing::AnswerKind::logits, importing::AnswerKind::probabilities})
    if (importing::to_string(kind) == answer) net.adaptation.answer = kind;
  if (importing::to_string(net.adaptation.answer) != answer) json.at("answer").fail_here("logits or probabilities");
  net.adaptation.free_batch = json.get<bool>("free_batch");
  net.adaptation.class_at = json.get<std::vector<int>>("class_at");
  net.adaptation.features = json.get<std::string>("features");
  net.preprocess_file = json.get<std::string>("preprocess_file");
  net.images = json.get<std::size_t>("images");
  const JsonReader trials = json.at("trials");
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const JsonReader trial = trials.at(i);
    net.trials.push_back({trial.get<std::string>("name"), preprocess::preprocess_from_json(trial.at("preprocess")),
                          trial.get_in<double>("accuracy", 0, 1)});
  }
  net.notes = json.get<std::vector<std::string>>("notes");
  return net;
}

}  // namespace triage::workflow
