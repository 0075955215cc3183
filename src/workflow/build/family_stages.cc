// Trained nets of other families than plain as files.
#include <algorithm>
#include <format>

#include "engine/names.h"
#include "exporting/from_elastic.h"
#include "exporting/from_network.h"
#include "model/onnx/write.h"
#include "preprocess/network_input.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {
namespace {

// Sections [first, end) of a network, with the head behind them.
struct Part {
  int first, end;
  bool last;  // nothing goes on from it
};

model::Graph graph_of(const Workspace& w, const supernet::ElasticNetworkImpl& network, const Part& part,
                      const std::string& name) {
  const auto sections = static_cast<std::size_t>(part.end);
  const int features = network.options().features_section;
  const auto net = network.extract(part.last ? network.arch() : family::prefix(network.arch(), sections));
  model::Graph graph =
      exporting::lower_network(*net, {.name = name,
                                      .first_section = part.first,
                                      .features = features >= part.first && features < part.end ? features : -1,
                                      .carry = part.last ? -1 : part.end - 1,
                                      .mean = w.normalization.mean,
                                      .stddev = w.normalization.stddev})
          .graph;
  graph.metadata = {{"triage.arch", network.arch().text()},
                    {"triage.sections", std::format("{}:{}", part.first, part.end)},
                    {"triage.classes", dump_json(w.dataset.info().classes)}};
  return graph;
}

std::string onnx_of(const Workspace& w, const supernet::ElasticNetworkImpl& network, const Part& part,
                    const std::string& name) {
  const onnx::ModelProto model = model::to_onnx(graph_of(w, network, part, name));
  exporting::check_model(model, name + ".onnx");
  return model.SerializeAsString();
}

ImportedStage written(const Workspace& w, const std::string& bytes, const std::string& name) {
  const fs::path directory = w.run / "imported";
  fs::create_directories(directory);
  ImportedStage made{.file = directory / (name + ".onnx")};
  write_file_atomic(made.file, bytes);
  plan::Stage& stage = made.net.stage;
  stage.name = name;
  stage.onnx = made.file.filename().string();
  stage.sha256 = sha256_hex(bytes);
  stage.feature_width = open_stage(directory, stage.onnx)->info().feature_width;
  add_counts(made.file, stage, made.net.notes);
  return made;
}

// features: the last of the chain has them.
void require_equal(const Workspace& w, const supernet::ElasticNetwork& network, int sections, const std::string& name,
                   const std::vector<exporting::Engine>& chain, bool features) {
  const std::size_t count = std::min(kParityImages, w.splits.validation.size());
  exporting::ParityOptions options{.outputs = {"logits"}};
  if (features) options.outputs.emplace_back("features");
  exporting::require_parity(exporting::check_parity(
      exporting::network_engine(*network, w.normalization.mean, w.normalization.stddev,
                                static_cast<std::size_t>(sections)),
      exporting::chained(engine::kOnnxRuntime + (" " + name), chain),
      network_inputs(w, std::span(w.splits.validation).first(count), own_preprocess(*network)), count, options));
}

int sections_of(const supernet::ElasticNetwork& network) { return static_cast<int>(network->space().sections()); }

// Of a net with these exits, in order.
std::vector<Part> parts_of(const supernet::ElasticNetwork& network, const std::vector<int>& exits) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i <= exits.size(); ++i) {
    const bool last = i == exits.size();
    parts.push_back({i > 0 ? exits[i - 1] + 1 : 0, last ? sections_of(network) : exits[i] + 1, last});
  }
  return parts;
}

}  // namespace

std::optional<preprocess::Preprocess> own_preprocess(const supernet::AnyNetworkImpl& network) {
  const plan::InputShape& seen = network.seen();
  if (seen == network.input()) return {};
  return preprocess::squashed_preprocess({.height = seen.height, .width = seen.width, .channels = seen.channels});
}

std::vector<model::Graph> family_graphs(const Workspace& w, const StagedNet& net) {
  const supernet::ElasticNetwork network = supernet::elastic_network(net.network);
  const std::vector<std::string> names = plan_stage_names(net.name, net.exits);
  std::vector<model::Graph> graphs;
  for (const Part& part : parts_of(network, net.exits))
    graphs.push_back(graph_of(w, *network, part, names[graphs.size()]));
  return graphs;
}

void add_family_stages(std::vector<StageSource>& stages, const Workspace& w, const StagedNet& net) {
  const supernet::ElasticNetwork network = supernet::elastic_network(net.network);
  const std::vector<std::string> names = plan_stage_names(net.name, net.exits);
  const std::vector<Part> parts = parts_of(network, net.exits);
  std::vector<exporting::Engine> chain;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Part& part = parts[i];
    ImportedStage made = written(w, onnx_of(w, *network, part, names[i]), names[i]);
    made.net.sha256 = sha256_file(net.weights);
    if (i == 0) made.net.stage.preprocess = own_preprocess(*network);
    chain.push_back(exporting::session_engine(names[i], open_stage(made.file.parent_path(), made.net.stage.onnx)));
    require_equal(w, network, part.end, names[i], chain, made.net.stage.feature_width > 0);
    stages.push_back({.name = names[i],
                      .network = nullptr,
                      .source = i > 0 ? static_cast<int>(stages.size()) - 1 : -1,
                      .carry = !part.last,
                      .precision = net.precision,
                      .imported = std::move(made)});
  }
}

void write_family_net(const Workspace& w, const supernet::AnyNetwork& any, const std::string& name,
                      const fs::path& directory) {
  const supernet::ElasticNetwork network = supernet::elastic_network(any);
  const int sections = sections_of(network);
  const std::string file = name + ".onnx";
  write_file_atomic(directory / file, onnx_of(w, *network, {0, sections, true}, name));
  const auto session = open_stage(directory, file);
  require_equal(w, network, sections, name, {exporting::session_engine(name, session)},
                session->info().feature_width > 0);
}

}  // namespace triage::workflow
