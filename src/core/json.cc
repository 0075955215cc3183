#include "core/json.h"

#include <algorithm>

#include "core/text.h"
#include "core/warning.h"

namespace triage {
namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kShownValueBytes = 60;  // of a value in a message
constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{1} << 30;
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

// The same value with valid_utf8() of every string and key.
Json with_valid_utf8(const Json& json) {
  if (json.is_string()) return valid_utf8(json.get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Json out = json.is_array() ? Json::array() : Json::object();
  for (const auto& [key, value] : json.items()) {
    if (json.is_array()) {
      out.push_back(with_valid_utf8(value));
    } else {
      out[valid_utf8(key)] = with_valid_utf8(value);
    }
  }
  return out;
}

// Keys in order, whole numbers as integers: what other tools may write otherwise.
nlohmann::json canonical(const Json& json) {
  if (json.is_object()) {
    nlohmann::json sorted = nlohmann::json::object();
    for (const auto& [key, value] : json.items()) sorted[valid_utf8(key)] = canonical(value);
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
  if (json.is_string()) return valid_utf8(json.get_ref<const std::string&>());
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return nullptr;
}

std::string checksum_of(const Json& json, const std::string& without = kChecksum) {
  nlohmann::json rest = canonical(json);
  rest.erase(without);
  return sha256_hex(rest.dump());
}

// Damage may hit the checksum's name.
bool is_misnamed_checksum(const Json& json) {
  const auto last = std::prev(json.end());
  return last->is_string() && last->get_ref<const std::string&>().size() == kChecksumBytes &&
         *last == checksum_of(json, last.key());
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8_at(text, i);
    if (c.code >= 0) {
      out += text.substr(i, c.bytes);
    } else {
      out += std::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    }
    i += c.bytes;
  }
  return out;
}

std::string dump_json(const Json& json, int indent) {
  try {
    return json.dump(indent);
  } catch (const Json::type_error&) {  // a string is not UTF-8
    return with_valid_utf8(json).dump(indent);
  }
}

Json parse_json(std::string_view text, const std::string& origin) {
  check_depth(text, origin);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", origin, plain_message(error));
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path, {.bytes = kMaxJsonBytes}), path.string()); }

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

void write_json(const fs::path& path, const Json& json) { write_file_atomic(path, dump_json(json, 2) + "\n"); }

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
