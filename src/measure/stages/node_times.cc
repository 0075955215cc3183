// Map: read_nodes() lists every node's durations in the order of the graph, node_times() their means; owners() says
// which layer each belongs to.
#include "measure/stages/node_times.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/json.h"

namespace triage::measure {
namespace {

constexpr std::string_view kEnding = "_kernel_time";
constexpr double kMinUs = 0.1;  // durations are whole microseconds, rounded down: what never took one

struct NodeRuns {
  std::string name;
  std::vector<double> us;  // of every run
};

// The events without their arguments, which are most of the text.
Json parse_events(std::string_view profile, const std::string& origin) {
  const auto keep = [](int, Json::parse_event_t event, const Json& value) {
    return event != Json::parse_event_t::key || value != "args";
  };
  try {
    return Json::parse(profile.begin(), profile.end(), keep);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: ONNX Runtime's profile is not valid JSON: {}", origin, error.what());
  }
}

std::vector<NodeRuns> read_nodes(std::string_view profile, const std::string& origin) {
  const Json json = parse_events(profile, origin);
  const JsonReader events(json, origin + ": profile");
  std::vector<NodeRuns> nodes;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const JsonReader event = events.at(i);
    if (event.get<std::string>("cat") != "Node") continue;
    std::string name = event.get<std::string>("name");
    if (!name.ends_with(kEnding)) continue;
    name.resize(name.size() - kEnding.size());
    const auto [found, is_new] = place.emplace(name, nodes.size());
    if (is_new) nodes.push_back({.name = name});
    nodes[found->second].us.push_back(event.not_negative("dur"));
  }
  return nodes;
}

// Whose a node is. "block1.conv0", "block1.conv0/relu_nchwc" are those of "block1.conv0"; where "block1.conv0/pool" is
// one of its own, so is what begins with that.
struct Owner {
  int layer = -1;     // -1: none's
  bool main = false;  // one of the layer's main nodes
};

bool begins_with(const std::string& node, const std::string& name) {
  if (!node.starts_with(name)) return false;
  return node.size() == name.size() || node[name.size()] == '/' || node[name.size()] == '_';
}

Owner owner_by_name(const std::string& node, const std::vector<LayerNodes>& layers) {
  Owner owner;
  std::size_t longest = 0;
  const auto offer = [&](const std::string& name, std::size_t layer, bool main) {
    if (name.size() <= longest || !begins_with(node, name)) return;
    longest = name.size();
    owner = {static_cast<int>(layer), main};
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const std::string& name : layers[i].main) offer(name, i, true);
    for (const std::string& name : layers[i].other) offer(name, i, false);
  }
  return owner;
}

// XNNPACK's convolutions are fused with what follows them and then named "XnnpackExecutionProvider_Conv_3".
bool is_nameless_convolution(const std::string& node) {
  return node.starts_with("XnnpackExecutionProvider_") && node.find("Conv") != std::string::npos;
}

// The owner of every node. Blocked convolutions whose width is no multiple of the block need their neighbours in the
// plain layout: a change back is made for the layer that follows, one to blocks is made because of the layer before,
// whose pool could not take them. Convolutions without a name are those of the layers that have no main node by name,
// in order, as layers follow one another.
std::vector<Owner> owners(std::span<const cost::NodeTime> nodes, const std::vector<LayerNodes>& layers) {
  std::vector<Owner> owner(nodes.size());
  std::vector<int> nameless(layers.size());  // convolutions of each layer that are still to be found
  for (std::size_t i = 0; i < layers.size(); ++i) nameless[i] = layers[i].convolutions;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    owner[n] = owner_by_name(nodes[n].name, layers);
    if (owner[n].main) nameless[static_cast<std::size_t>(owner[n].layer)] = 0;
  }
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (!is_nameless_convolution(nodes[n].name)) continue;
    const auto next = std::ranges::find_if(nameless, [](int left) { return left > 0; });
    if (next == nameless.end()) break;
    owner[n] = {static_cast<int>(next - nameless.begin()), true};
    --*next;
  }
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].name.starts_with("ReorderOutput") && n + 1 < nodes.size()) owner[n] = owner[n + 1];
    if (nodes[n].name.starts_with("ReorderInput") && n > 0) owner[n] = owner[n - 1];
  }
  return owner;
}

}  // namespace

std::vector<cost::NodeTime> node_times(std::string_view profile, std::size_t skip, const std::string& origin) {
  const std::vector<NodeRuns> nodes = read_nodes(profile, origin);
  std::vector<cost::NodeTime> times;
  for (const NodeRuns& node : nodes) {
    const std::size_t runs = node.us.size();
    if (runs <= skip || runs != nodes.front().us.size()) {
      fail("{}: profile: node '{}': found {} runs, expected {}, more than {}", origin, node.name, runs,
           nodes.front().us.size(), skip);
    }
    double sum = 0;
    for (std::size_t i = skip; i < runs; ++i) sum += node.us[i];
    times.push_back({node.name, sum / static_cast<double>(runs - skip)});
  }
  return times;
}

std::vector<double> layer_times(std::span<const cost::NodeTime> nodes, const std::vector<LayerNodes>& layers,
                                const std::string& origin) {
  const std::vector<Owner> owner = owners(nodes, layers);
  std::vector<double> times(layers.size());
  std::vector<bool> there(layers.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (owner[n].layer < 0) continue;
    const auto layer = static_cast<std::size_t>(owner[n].layer);
    times[layer] += nodes[n].us;
    if (owner[n].main) there[layer] = true;
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!there[i]) fail("{}: profile: expected a node of {}, found none", origin, layers[i].name);
  }
  for (double& time : times) time = std::max(time, kMinUs);
  return times;
}

std::string ProfileDirectory::take() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_.path())) files.push_back(entry.path());
  if (files.size() != 1)
    fail("{}: expected one profile of ONNX Runtime, found {}", directory_.path().string(), files.size());
  std::string text = read_file(files.front());
  fs::remove(files.front());
  return text;
}

}  // namespace triage::measure
