// The stored form of a ScoreTable.
#include <cstring>
#include <limits>

#include "core/json.h"
#include "route/score_table.h"

namespace triage::route {
namespace {

constexpr char kMagic[8] = {'T', 'R', 'I', 'A', 'G', 'E', 'S', 'T'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPrefix = sizeof kMagic + sizeof kVersion + sizeof(std::uint64_t);
constexpr std::size_t kDigest = 64;  // SHA-256 in hexadecimal

template <class T>
void append(std::string& out, const std::vector<T>& values) {
  if (!values.empty()) out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <class T>
void take(std::string_view& rest, std::vector<T>& values, std::size_t count, const fs::path& path) {
  if (count > rest.size() / sizeof(T)) {
    fail("{}: damaged score table: expected {} more values of {} bytes, found {} bytes", path.string(), count,
         sizeof(T), rest.size());
  }
  values.resize(count);
  rest.copy(reinterpret_cast<char*>(values.data()), count * sizeof(T));
  rest.remove_prefix(count * sizeof(T));
}

}  // namespace

void save_score_table(const fs::path& path, const ScoreTable& table) {
  Json header{{"key", table.key}, {"count", table.count()}, {"classes", table.classes}, {"stages", Json::array()}};
  for (const StageScores& stage : table.stages) {
    header["stages"].push_back({{"name", stage.name}, {"feature_width", stage.feature_width}});
  }
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  std::string bytes(kMagic, sizeof kMagic);
  bytes.append(reinterpret_cast<const char*>(&kVersion), sizeof kVersion);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  append(bytes, table.indices);
  bytes += store_labels(table.labels, static_cast<std::size_t>(table.classes));
  for (const StageScores& stage : table.stages) {
    append(bytes, stage.logits);
    append(bytes, stage.features);
  }
  bytes += sha256_hex(bytes);
  write_file_atomic(path, bytes);
}

ScoreTable load_score_table(const fs::path& path) {
  const std::string bytes = triage::read_file(path);
  if (bytes.size() < kPrefix + kDigest || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    fail("{}: expected a score table (magic \"TRIAGEST\"), found something else ({} bytes)", path.string(),
         bytes.size());
  }
  std::uint32_t version = 0;
  std::uint64_t length = 0;
  std::memcpy(&version, bytes.data() + sizeof kMagic, sizeof version);
  std::memcpy(&length, bytes.data() + sizeof kMagic + sizeof version, sizeof length);
  if (version != kVersion) {
    fail("{}: expected score table version {}, found {}", path.string(), kVersion, version);
  }
  const std::string_view body(bytes.data(), bytes.size() - kDigest);
  if (const std::string found = sha256_hex(body); found != std::string_view(bytes).substr(body.size())) {
    fail("{}: damaged score table: expected SHA-256 {}, found {}", path.string(), bytes.substr(body.size()), found);
  }
  std::string_view rest = body.substr(kPrefix);
  if (length > rest.size()) {
    fail("{}: damaged score table: header of {} bytes, only {} bytes left", path.string(), length, rest.size());
  }
  const Json json = parse_json(rest.substr(0, length), path.string());
  rest.remove_prefix(length);
  const JsonReader header(json, path.string());

  ScoreTable table;
  table.key = header.get<std::string>("key");
  table.classes = header.get<int>("classes");
  const auto count = header.get<std::uint64_t>("count");
  constexpr int kLimit = 1 << 20;
  if (table.classes < 1 || table.classes > plan::kMaxClasses) {
    header.at("classes").fail_here(std::format("1 to {} classes", plan::kMaxClasses));
  }
  if (count > std::numeric_limits<std::uint32_t>::max()) header.at("count").fail_here("a 32 bit count");
  take(rest, table.indices, count, path);
  std::vector<std::uint8_t> labels;
  take(rest, labels, count * label_bytes(static_cast<std::size_t>(table.classes)), path);
  table.labels = load_labels(labels, static_cast<std::size_t>(table.classes));
  const JsonReader stages = header.at("stages");
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const JsonReader stage = stages.at(s);
    const int width = stage.get<int>("feature_width");
    if (width < 0 || width > kLimit) stage.at("feature_width").fail_here("a width from 0 to 1048576");
    StageScores& out = table.stages.emplace_back(stage.get<std::string>("name"), width);
    take(rest, out.logits, count * static_cast<std::size_t>(table.classes), path);
    take(rest, out.features, count * static_cast<std::size_t>(width), path);
  }
  if (!rest.empty()) fail("{}: damaged score table: {} bytes too many", path.string(), rest.size());
  for (const Label label : table.labels) {
    if (label >= static_cast<Label>(table.classes))
      fail("{}: label {} of {} classes", path.string(), label, table.classes);
  }
  return table;
}

}  // namespace triage::route
