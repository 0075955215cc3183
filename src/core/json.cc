#include "core/json.h"

#include "core/warning.h"

namespace triage {
namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kShownValueBytes = 60;  // of a value in a message
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr double kExactIntegers = 9007199254740992;  // 2^53: up to here 3.0 and 3 are the same number to every tool
constexpr const char* kChecksum = "checksum";
constexpr std::size_t kChecksumBytes = 64;

// nlohmann's parser is iterative, but copying and printing a value recurse: depth is bounded before anything is built.
void check_depth(std::string_view text, const std::string& origin) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) {
        fail("{}: byte {}: expected at most {} levels of nesting, found more", origin, i, kMaxDepth);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

std::string describe(const Json& json) {
  if (json.is_object()) return std::format("an object with {} fields", json.size());
  if (json.is_array()) return std::format("a list of {} elements", json.size());
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kShownValueBytes) text = text.substr(0, kShownValueBytes) + "...";
  return text;
}

// "[json.exception.parse_error.101] parse error at line 1, ..." without the bracket.
std::string_view plain_message(const nlohmann::json::exception& error) {
  const std::string_view text = error.what();
  const auto end = text.find("] ");
  return end == std::string_view::npos ? text : text.substr(end + 2);
}

// Keys in order, whole numbers as integers: what other tools may write otherwise.
nlohmann::json canonical(const Json& json) {
  if (json.is_object()) {
    nlohmann::json sorted = nlohmann::json::object();
    for (const auto& [key, value] : json.items()) sorted[key] = canonical(value);
    return sorted;
  }
  if (json.is_array()) {
    nlohmann::json list = nlohmann::json::array();
    for (const Json& value : json) list.push_back(canonical(value));
    return list;
  }
  if (json.is_number_float()) {
    const double value = json.get<double>();
    if (std::trunc(value) == value && std::abs(value) < kExactIntegers) return static_cast<std::int64_t>(value);
    return value;
  }
  if (json.is_string()) return json.get_ref<const std::string&>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return nullptr;
}

std::string checksum_of(const Json& json, const std::string& without = kChecksum) {
  nlohmann::json rest = canonical(json);
  rest.erase(without);
  return sha256_hex(rest.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Damage may hit the checksum's name.
bool is_misnamed_checksum(const Json& json) {
  const auto last = std::prev(json.end());
  return last->is_string() && last->get_ref<const std::string&>().size() == kChecksumBytes &&
         *last == checksum_of(json, last.key());
}

}  // namespace

Json parse_json(std::string_view text, const std::string& origin) {
  check_depth(text, origin);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", origin, plain_message(error));
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path, {.bytes = kMostBytes}), path.string()); }

void seal(Json& json) {
  json.erase(kChecksum);
  json[kChecksum] = checksum_of(json);
}

bool unseal(Json& json, const std::string& origin) {
  if (!json.is_object() || json.empty()) return false;
  if (!json.contains(kChecksum)) {
    if (is_misnamed_checksum(json)) fail("{}: damaged: its field 'checksum' has another name", origin);
    return false;
  }
  const JsonReader reader(json, origin);
  if (const std::string expected = checksum_of(json); reader.get<std::string>(kChecksum) != expected) {
    fail(
        "{}: checksum: expected {}, found {}: the file is damaged or was edited. To keep what it says, remove the "
        "field 'checksum'",
        origin, expected, reader.get<std::string>(kChecksum));
  }
  json.erase(kChecksum);
  return true;
}

Json read_sealed_json(const fs::path& path) {
  Json json = read_json(path);
  if (!unseal(json, path.string())) {
    warn(path.string() + ": has no checksum (made before there were any, or edited): damage would not be noticed");
  }
  return json;
}

void write_sealed_json(const fs::path& path, Json json) {
  seal(json);
  write_json(path, json);
}

void write_json(const fs::path& path, const Json& json) {
  std::string text;
  try {
    text = json.dump(2);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: cannot be written as JSON: {}", path.string(), plain_message(error));
  }
  write_file_atomic(path, text + "\n");
}

JsonReader JsonReader::at(const std::string& key) const {
  if (!json_->is_object()) fail_here("an object");
  const auto found = json_->find(key);
  if (found == json_->end()) fail("{}: field '{}' is missing", where_, key);
  return {*found, where_ + (where_.find(": ") == std::string::npos ? ": " : ".") + key};
}

JsonReader JsonReader::at(std::size_t index) const {
  if (index >= size()) fail("{}: expected element {}, found {} elements", where_, index, size());
  return {(*json_)[index], std::format("{}[{}]", where_, index)};
}

std::size_t JsonReader::size() const {
  if (!json_->is_array()) fail_here("a list");
  return json_->size();
}

double JsonReader::not_negative(const std::string& key) const {
  const double value = get<double>(key);
  if (value < 0) at(key).fail_here("a number of 0 or more");
  return value;
}

std::vector<float> JsonReader::floats(const std::string& key) const { return get<std::vector<float>>(key); }

void JsonReader::fail_here(const std::string& expected) const {
  fail("{}: expected {}, found {}", where_, expected, describe(*json_));
}

}  // namespace triage
