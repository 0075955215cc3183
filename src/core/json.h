// JSON files with errors that name file, field, found and expected.
#pragma once

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"

namespace triage {

using Json = nlohmann::ordered_json;  // files keep the order in which fields were written

Json parse_json(std::string_view text, const std::string& origin);  // origin: what messages call the text
Json read_json(const fs::path& path);
void write_json(const fs::path& path, const Json& json);  // atomic, indented, ends with a newline

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

  template <class T>
  T as() const {
    check_type(expected<T>(), matches<T>());
    try {
      return json_->get<T>();
    } catch (const nlohmann::json::exception&) {
      check_type(expected<T>(), false);
      throw;
    }
  }
  template <class T>
  T get(const std::string& key) const { return at(key).as<T>(); }
  template <class T>
  T get_or(const std::string& key, T fallback) const { return has(key) ? at(key).as<T>() : fallback; }

  // Every number of an array, checked to be finite.
  std::vector<float> floats(const std::string& key) const;

  [[noreturn]] void fail_here(const std::string& expected) const;  // "<where>: expected ..., found ..."

 private:
  template <class T>
  static constexpr const char* expected() {
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    else if constexpr (std::is_integral_v<T>) return "an integer";
    else if constexpr (std::is_floating_point_v<T>) return "a number";
    else if constexpr (std::is_same_v<T, std::string>) return "a string";
    else return "a list of the right type";
  }
  template <class T>
  bool matches() const {
    if constexpr (std::is_same_v<T, bool>) return json_->is_boolean();
    else if constexpr (std::is_integral_v<T>) return json_->is_number_integer() && (std::is_signed_v<T> || json_->is_number_unsigned());
    else if constexpr (std::is_floating_point_v<T>) return json_->is_number();
    else if constexpr (std::is_same_v<T, std::string>) return json_->is_string();
    else return json_->is_array();
  }
  void check_type(const char* expected, bool ok) const;

  const Json* json_;
  std::string where_;
};

}  // namespace triage
