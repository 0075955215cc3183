#include "core/json.h"

namespace triage {
namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kShownValueBytes = 60;  // of a value in a message

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

}  // namespace

Json parse_json(std::string_view text, const std::string& origin) {
  check_depth(text, origin);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", origin, plain_message(error));
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

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
