// Holds a file's JSON Schema (docs/schema/), what its writer writes and what its reader takes against each other. Of
// the schema language (draft 2020-12) it knows what ours use and refuses the rest; tests/check_schema.py has all of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "core/json.h"

namespace triage {

class Schema {
 public:
  explicit Schema(const fs::path& file) : root_(read_json(file)) {}

  // What is wrong with the value, each with its place ("stages[0].exit: field 'threshold' is missing"); empty: nothing.
  // strict: also fields that the schema does not describe.
  std::vector<std::string> problems(const Json& value, bool strict = false) {
    std::vector<std::string> found;
    check(root_, value, "", strict, found);
    return found;
  }

  // Fields that are described and were in no value so far.
  std::set<std::string> unseen() const {
    std::set<std::string> names;
    collect(root_, names);
    return names;
  }

 private:
  const Json& resolved(const std::string& reference) const { return root_.at(Json::json_pointer(reference.substr(1))); }

  static bool is(const std::string& type, const Json& value) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }

  void collect(const Json& schema, std::set<std::string>& names) const {
    if (schema.is_object() && schema.contains("properties")) {
      for (const auto& [field, inner] : schema["properties"].items()) {
        if (!seen_.contains(&inner)) names.insert(field);
      }
    }
    if (schema.is_structured()) {
      for (const Json& inner : schema) collect(inner, names);
    }
  }

  bool fits(const Json& schema, const Json& value, bool strict) {
    std::vector<std::string> found;
    check(schema, value, "", strict, found);
    return found.empty();
  }

  void check_fields(const Json& schema, const Json& value, const std::string& at, bool strict,
                    std::vector<std::string>& found) {
    const Json required = schema.value("required", Json::array()),
               dependent = schema.value("dependentRequired", Json::object());
    for (const Json& field : required) {
      if (!value.contains(field.get<std::string>()))
        found.push_back(at + ": field '" + field.get<std::string>() + "' is missing");
    }
    for (const auto& [field, others] : dependent.items()) {
      for (const Json& other : others) {
        if (value.contains(field) && !value.contains(other.get<std::string>()))
          found.push_back(at + ": " + field + " needs " + other.dump());
      }
    }
    for (const auto& [field, inner] : value.items()) {
      const std::string place = at.empty() ? field : at + "." + field;
      if (schema.contains("properties") && schema["properties"].contains(field)) {
        seen_.insert(&schema["properties"][field]);
        check(schema["properties"][field], inner, place, strict, found);
      } else if (schema.contains("additionalProperties")) {
        check(schema["additionalProperties"], inner, place, strict, found);
      } else if (strict && schema.contains("properties") && schema.contains("type")) {
        found.push_back(place + ": is not described");
      }
    }
  }

  void check_items(const Json& schema, const Json& value, const std::string& at, bool strict,
                   std::vector<std::string>& found) {
    if (value.size() < schema.value("minItems", std::size_t{0}) ||
        value.size() > schema.value("maxItems", std::size_t{1} << 40))
      found.push_back(at + ": number of items");
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool fixed = schema.contains("prefixItems") && i < schema["prefixItems"].size();
      if (fixed || schema.contains("items"))
        check(fixed ? schema["prefixItems"][i] : schema["items"], value[i], at + "[" + std::to_string(i) + "]", strict,
              found);
    }
  }

  void check(const Json& schema, const Json& value, const std::string& at, bool strict,
             std::vector<std::string>& found) {
    const auto expect = [&](bool good, const std::string& keyword) {
      if (!good) found.push_back(at + ": " + keyword + ", found " + value.dump().substr(0, 60));
    };
    for (const auto& [keyword, argument] : schema.items()) {
      if (keyword == "type") {
        const Json types = argument.is_array() ? argument : Json::array({argument});
        expect(std::ranges::any_of(types, [&](const Json& type) { return is(type, value); }), "type " + types.dump());
      } else if (keyword == "const") {
        expect(value == argument, "const");
      } else if (keyword == "enum") {
        expect(std::ranges::find(argument, value) != argument.end(), "enum " + argument.dump());
      } else if (keyword == "minimum") {
        expect(!value.is_number() || value.get<double>() >= argument.get<double>(), "minimum " + argument.dump());
      } else if (keyword == "maximum") {
        expect(!value.is_number() || value.get<double>() <= argument.get<double>(), "maximum " + argument.dump());
      } else if (keyword == "minLength") {
        expect(!value.is_string() || value.get<std::string>().size() >= argument.get<std::size_t>(), "minLength");
      } else if (keyword == "pattern") {
        expect(
            !value.is_string() || std::regex_search(value.get<std::string>(), std::regex(argument.get<std::string>())),
            "pattern " + argument.dump());
      } else if (keyword == "$ref") {
        check(resolved(argument), value, at, strict, found);
      } else if (keyword == "anyOf") {
        expect(std::ranges::any_of(argument, [&](const Json& one) { return fits(one, value, strict); }), "anyOf");
      } else if (keyword == "if") {
        if (fits(argument, value, false)) check(schema.at("then"), value, at, false, found);
      } else {
        static const std::set<std::string> others{"$schema",
                                                  "$id",
                                                  "$defs",
                                                  "title",
                                                  "description",
                                                  "then",
                                                  "properties",
                                                  "items",
                                                  "prefixItems",
                                                  "required",
                                                  "minItems",
                                                  "maxItems",
                                                  "additionalProperties",
                                                  "dependentRequired"};
        if (!others.contains(keyword)) fail("schema: the keyword '{}' is not known here", keyword);
      }
    }
    if (value.is_object()) check_fields(schema, value, at, strict, found);
    if (value.is_array()) check_items(schema, value, at, strict, found);
  }

  Json root_;
  std::set<const Json*> seen_;  // of the properties
};

// Every change of one field of the example: taken out, of another type, negative. change gets the whole with it.
inline void change_each(const Json& example, Json& whole, const Json::json_pointer& at,
                        const std::function<void(const std::string& what, bool typed)>& changed) {
  const bool list = example.is_array();
  for (std::size_t i = 0;
       example.is_structured() && i < (list ? std::min<std::size_t>(example.size(), 3) : example.size()); ++i) {
    const auto item = std::next(example.begin(), static_cast<std::ptrdiff_t>(i));
    const Json::json_pointer place = list ? at / i : at / item.key();
    const Json good = *item;
    change_each(good, whole, place, changed);
    if (good.is_null()) continue;
    whole[place] = good.is_string() ? Json(17) : good.is_array() ? Json::object() : Json("text");
    changed(place.to_string() + " of another type", true);
    if (good.is_number()) {
      whole[place] = -1;
      changed(place.to_string() + " negative", false);
    }
    if (!list) {
      whole[at].erase(item.key());
      changed(place.to_string() + " taken out", false);
      whole[at] = example;  // in its order
    } else {
      whole[place] = good;
    }
  }
}

// The schema takes what the writer writes (example: with all fields there are) and describes every field of it and no
// other. What the reader refuses of a changed example the schema refuses too, and where a type is wrong both do.
// free: fields that hold anything, whose contents nobody checks. by_others: fields that only other fields make
// necessary.
inline void expect_schema_agrees(const fs::path& file, const Json& example,
                                 const std::function<void(const Json&)>& read, const std::set<std::string>& free = {},
                                 const std::set<std::string>& by_others = {}) {
  Schema schema(file);
  EXPECT_THAT(schema.problems(example, true), testing::IsEmpty());
  std::set<std::string> unseen = schema.unseen();
  unseen.erase("checksum");  // comes with the file
  EXPECT_THAT(unseen, testing::IsEmpty()) << "described, and in no file";
  ASSERT_NO_THROW(read(example));
  Json whole = example;
  std::size_t refused = 0;
  change_each(example, whole, Json::json_pointer(), [&](const std::string& what, bool typed) {
    for (const std::string& field : free)
      if (what.find("/" + field + "/") != std::string::npos) return;
    bool taken = true;
    try {
      read(whole);
    } catch (const std::exception&) {
      taken = false;
      ++refused;
    }
    const bool fits = schema.problems(whole).empty();
    const std::string field = what.substr(0, what.find(' '));
    if (by_others.contains(field.substr(field.rfind('/') + 1)) && fits) return;
    if (!taken) {
      EXPECT_FALSE(fits) << what << ": the reader refuses it, the schema does not";
    }
    if (typed && !fits) {
      EXPECT_FALSE(taken) << what << ": the schema refuses it, the reader does not";
    }
  });
  EXPECT_GT(refused, 20u);
}

}  // namespace triage
