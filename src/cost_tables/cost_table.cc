#include "cost_tables/cost_table.h"

#include <algorithm>

#include "core/error.h"

namespace triage::cost {
namespace {

constexpr int kMaxBatch = 1 << 20;

std::string describe(const CostKey& key) {
  return std::format("stage '{}', engine {}, provider {}, precision {}, threads {}, batch {}", key.stage, key.engine,
                     key.provider, plan::to_string(key.precision), key.threads, key.batch);
}

Json to_json(const CostSample& entry) {
  return {{"stage", entry.key.stage},
          {"engine", entry.key.engine},
          {"provider", entry.key.provider},
          {"precision", plan::to_string(entry.key.precision)},
          {"threads", entry.key.threads},
          {"batch", entry.key.batch},
          {"latency_us", triage::to_json(entry.latency_us)},
          {"first_inference_us", entry.first_inference_us},
          {"load_ms", entry.load_ms},
          {"stable", entry.stable},
          {"energy", to_json(entry.energy)}};
}

// What most entries do not have.
Json with_evidence(Json json, const CostSample& entry) {
  if (!entry.unstable_because.empty()) json["unstable_because"] = entry.unstable_because;
  for (const BehindTime& other : entry.behind) json["behind"].push_back({{"stage", other.stage}, {"us", other.us}});
  for (const NodeTime& node : entry.nodes) json["nodes"].push_back({{"name", node.name}, {"us", node.us}});
  return json;
}

std::vector<NodeTime> nodes_from_json(const JsonReader& json) {
  std::vector<NodeTime> nodes;
  if (!json.has("nodes")) return nodes;
  const JsonReader list = json.at("nodes");
  for (std::size_t i = 0; i < list.size(); ++i)
    nodes.push_back({list.at(i).get<std::string>("name"), list.at(i).not_negative("us")});
  return nodes;
}

std::vector<BehindTime> behind_from_json(const JsonReader& json) {
  std::vector<BehindTime> behind;
  if (!json.has("behind")) return behind;
  const JsonReader list = json.at("behind");
  for (std::size_t i = 0; i < list.size(); ++i)
    behind.push_back({list.at(i).get<std::string>("stage"), list.at(i).not_negative("us")});
  return behind;
}

constexpr std::pair<const char*, double PathMemory::*> kMemoryFields[] = {
    {"weights_kb", &PathMemory::weights_kb},
    {"activations_kb", &PathMemory::activations_kb},
    {"empty_kb", &PathMemory::empty_kb},
    {"loaded_kb", &PathMemory::loaded_kb},
    {"peak_kb", &PathMemory::peak_kb}};

Json to_json(const PathMemory& memory) {
  Json json = {{"stage", memory.stage}};
  for (const auto& [name, member] : kMemoryFields) json[name] = memory.*member;
  return json;
}

PathMemory memory_from_json(const JsonReader& json) {
  PathMemory memory{.stage = json.get<std::string>("stage")};
  for (const auto& [name, member] : kMemoryFields) memory.*member = json.not_negative(name);
  return memory;
}

CostSample entry_from_json(const JsonReader& json) {
  CostSample entry{
      .key =
          cost_key(json.get<std::string>("stage"), json.get<std::string>("engine"), json.get<std::string>("provider"),
                   plan::precision_from_string(json.get<std::string>("precision"), json.at("precision").where()),
                   json.get_in("threads", 1, kMaxThreads), json.get_in("batch", 1, kMaxBatch))};
  entry.latency_us = latency_from_json(json.at("latency_us"));
  entry.first_inference_us = json.not_negative("first_inference_us");
  entry.load_ms = json.not_negative("load_ms");
  entry.stable = json.get<bool>("stable");
  entry.energy = energy_from_json(json, "energy");
  entry.unstable_because = json.get_or("unstable_because", std::string());
  entry.behind = behind_from_json(json);
  entry.nodes = nodes_from_json(json);
  if (entry.stable && !entry.unstable_because.empty()) json.at("stable").fail_here("false: unstable_because says why");
  return entry;
}

// RFC 4180: a text with a comma, a quote or a line break is quoted, quotes in it are doubled.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

CostKey cost_key(std::string stage, std::string engine, std::string provider, plan::Precision precision, int threads,
                 int batch) {
  CostKey key;
  key.stage = std::move(stage);
  key.engine = std::move(engine);
  key.provider = std::move(provider);
  key.precision = precision;
  key.threads = threads;
  key.batch = batch;
  return key;
}

const CostSample* CostTable::find(const CostKey& key) const {
  const auto found = std::ranges::find(entries, key, &CostSample::key);
  return found == entries.end() ? nullptr : &*found;
}

Json to_json(const CostTable& table) {
  Json json = {{"version", kCostTableVersion},
               {"machine", table.machine},
               {"engine_version", table.engine_version},
               {"energy_source", table.energy_source.empty() ? Json(nullptr) : Json(table.energy_source)},
               {"entries", Json::array()}};
  if (table.device != kThisMachine) json["device"] = table.device;
  if (!table.states.empty()) json["states"] = table.states;
  for (const PathMemory& memory : table.memory) json["memory"].push_back(to_json(memory));
  for (const CostSample& entry : table.entries) {
    json["entries"].push_back(with_evidence(to_json(entry), entry));
  }
  return json;
}

CostTable cost_table_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  if (reader.get<int>("version") != kCostTableVersion) {
    reader.at("version").fail_here(std::to_string(kCostTableVersion));
  }
  CostTable table;
  table.machine = reader.at("machine").json();
  if (!table.machine.is_object()) reader.at("machine").fail_here("an object");
  table.engine_version = reader.get<std::string>("engine_version");
  if (reader.has("energy_source") && !reader.at("energy_source").json().is_null()) {
    table.energy_source = reader.get<std::string>("energy_source");
  }
  table.device = reader.get_or("device", std::string(kThisMachine));
  if (table.device.empty()) reader.at("device").fail_here("a device's name");
  if (reader.has("states")) table.states = reader.at("states").json();
  if (!table.states.is_array()) reader.at("states").fail_here("a list");
  if (reader.has("memory")) {
    const JsonReader memory = reader.at("memory");
    for (std::size_t i = 0; i < memory.size(); ++i) table.memory.push_back(memory_from_json(memory.at(i)));
  }
  const JsonReader entries = reader.at("entries");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CostSample entry = entry_from_json(entries.at(i));
    if (table.find(entry.key) != nullptr) {
      fail("{}: expected one entry per key, found a second one for {}", entries.at(i).where(), describe(entry.key));
    }
    table.entries.push_back(std::move(entry));
  }
  return table;
}

CostTable load_cost_table(const fs::path& file) { return cost_table_from_json(read_sealed_json(file), file.string()); }

void save_cost_table(const fs::path& file, const CostTable& table) {
  const Json json = to_json(table);
  cost_table_from_json(json, file.string());  // what could not be read back is not written
  write_sealed_json(file, json);
}

std::string to_csv(const CostTable& table) {
  const auto machine_text = [&](const char* key) {
    if (!table.machine.contains(key)) return std::string();
    const Json& value = table.machine[key];
    return csv_text(value.is_string() ? value.get<std::string>() : value.dump());
  };
  std::string csv =
      "device,stage,engine,engine_version,provider,precision,threads,batch,count,min_us,mean_us,median_us,p90_us,p95_"
      "us,"
      "p99_us,max_us,stddev_us,first_inference_us,load_ms,stable,cpu,cores,flags";
  csv += energy_csv_header() + "\n";
  for (const CostSample& entry : table.entries) {
    const CostKey& key = entry.key;
    const Summary& us = entry.latency_us;
    csv += std::format("{},{},{},{},{},{},{},{},", csv_text(table.device), csv_text(key.stage), csv_text(key.engine),
                       csv_text(table.engine_version), csv_text(key.provider), plan::to_string(key.precision),
                       key.threads, key.batch);
    csv += std::format("{},{},{},{},{},{},{},{},{},", us.count, us.min, us.mean, us.median, us.p90, us.p95, us.p99,
                       us.max, us.stddev);
    csv += std::format("{},{},{},{},{},{}", entry.first_inference_us, entry.load_ms, entry.stable, machine_text("cpu"),
                       machine_text("cores"), machine_text("flags"));
    csv += energy_csv(entry.energy) + "\n";
  }
  return csv;
}

}  // namespace triage::cost
