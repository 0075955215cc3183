// JSON files with errors that name file, field, found and expected.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files/file.h"

namespace triage {

using Json = nlohmann::ordered_json;  // files keep the order in which fields were written

// origin: what messages call the text. More than 128 levels of nesting are refused.
Json parse_json(std::string_view text, const std::string& origin);
Json read_json(const fs::path& path);
void write_json(const fs::path& path, const Json& json);  // atomic, indented, ends with a newline

// The text of a value whose strings may hold any bytes (file names may): bytes that are not UTF-8 become the four
// characters \xNN. indent < 0: one line.
std::string dump_json(const Json& json, int indent = -1);
std::string valid_utf8(std::string_view text);  // that rule for one string

// Files that something is computed from end with "checksum": SHA-256 of what the other fields say, whatever their order
// and the spaces between them, so that a changed value is noticed and another layout of the same values is not.
void seal(Json& json);                               // adds it; a former one is replaced
bool unseal(Json& json, const std::string& origin);  // takes it out; false: there was none. Throws where it is wrong
Json read_sealed_json(const fs::path& path);         // warns (core/warning.h) where there is none
void write_sealed_json(const fs::path& path, Json json);

// A view of one value and its place ("plan.json: stages[1].arch"). The Json must outlive the reader.
class JsonReader {
 public:
  JsonReader(const Json& json, std::string origin) : json_(&json), where_(std::move(origin)) {}

  const Json& json() const { return *json_; }
  const std::string& where() const { return where_; }
  bool has(const std::string& key) const { return json_->is_object() && json_->contains(key); }

  JsonReader at(const std::string& key) const;  // a missing field is an error
  JsonReader at(std::size_t index) const;
  std::size_t size() const;  // of an array; anything else is an error

  // Strict: no silent conversions, integers and floats must fit T; vectors are checked element by element.
  template <class T>
  T as() const {
    if constexpr (is_vector<T>::value) {
      T values;
      values.reserve(size());
      for (std::size_t i = 0; i < size(); ++i) values.push_back(at(i).as<typename T::value_type>());
      return values;
    } else {
      if (!matches<T>()) fail_here(expected<T>());
      return json_->get<T>();
    }
  }
  template <class T>
  T get(const std::string& key) const {
    return at(key).as<T>();
  }
  template <class T>
  T get_or(const std::string& key, const T& fallback) const {
    return has(key) ? at(key).as<T>() : fallback;
  }

  // A number (or integer) from low to high.
  template <class T>
  T get_in(const std::string& key, T low, T high) const {
    const T value = get<T>(key);
    if (!(value >= low && value <= high)) at(key).fail_here(std::format("a number from {} to {}", low, high));
    return value;
  }
  double not_negative(const std::string& key) const;

  // Every number of an array, checked to be finite.
  std::vector<float> floats(const std::string& key) const;

  [[noreturn]] void fail_here(const std::string& expected) const;  // "<where>: expected ..., found ..."

 private:
  template <class T>
  struct is_vector : std::false_type {};
  template <class T>
  struct is_vector<std::vector<T>> : std::true_type {};

  template <class T>
  static std::string expected() {
    if constexpr (std::is_same_v<T, bool>) {
      return "true or false";
    } else if constexpr (std::is_integral_v<T>) {
      return std::format("an integer from {} to {}", std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    } else if constexpr (std::is_floating_point_v<T>) {
      return std::is_same_v<T, float> ? "a number in single precision" : "a number";
    } else {
      static_assert(std::is_same_v<T, std::string>, "read objects field by field");
      return "a string";
    }
  }
  template <class T>
  bool matches() const {
    if constexpr (std::is_same_v<T, bool>) {
      return json_->is_boolean();
    } else if constexpr (std::is_integral_v<T>) {
      if (json_->is_number_unsigned()) return std::in_range<T>(json_->get<std::uint64_t>());
      return json_->is_number_integer() && std::in_range<T>(json_->get<std::int64_t>());
    } else if constexpr (std::is_floating_point_v<T>) {
      return json_->is_number() && std::abs(json_->get<double>()) <= double{std::numeric_limits<T>::max()};
    } else {
      return json_->is_string();
    }
  }

  const Json* json_;
  std::string where_;
};

}  // namespace triage
