#include "search/store/identity.h"

#include <format>

#include "core/error.h"

namespace triage::search {
namespace {

// Where two identities differ first, empty when they do not.
std::string first_difference(const Json& expected, const Json& found, const std::string& field) {
  if (!expected.is_object() || !found.is_object()) {
    return expected == found ? "" : std::format("{}: expected {}, found {}", field, expected.dump(), found.dump());
  }
  const auto inner = [&](const std::string& key) { return field.empty() ? key : field + "." + key; };
  for (const auto& [key, value] : expected.items()) {
    if (!found.contains(key)) return std::format("{}: expected {}, found nothing", inner(key), value.dump());
    const std::string difference = first_difference(value, found[key], inner(key));
    if (!difference.empty()) return difference;
  }
  for (const auto& [key, value] : found.items()) {
    if (!expected.contains(key)) return std::format("{}: expected nothing, found {}", inner(key), value.dump());
  }
  return "";
}

}  // namespace

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string object_text(const Json& json, const std::string& where) {
  if (!json.is_object()) JsonReader(json, where).fail_here("an object");
  return json_text(json);
}

std::int64_t open_named(SqlDatabase& database, const NamedTable& kind, const std::string& name, const Json& identity) {
  const std::string text = object_text(identity, database.origin() + ": identity");
  const auto rows =
      database.run(std::format("SELECT id, format, identity FROM {} WHERE name = $1", kind.table), {name}).rows;
  if (rows.empty()) {
    const std::int64_t id =
        database.run(std::format("SELECT COALESCE(MAX(id) + 1, 1) FROM {}", kind.table)).rows.at(0).integer(0);
    database.run(std::format("INSERT INTO {} (id, name, format, identity) VALUES ($1, $2, $3, $4)", kind.table),
                 {id, name, kind.format, text});
    return id;
  }
  const std::string where = std::format("{}: {} \"{}\"", database.origin(), kind.what, name);
  if (rows[0].integer(1) != kind.format) {
    fail("{}: format: expected {}, found {}", where, kind.format, rows[0].integer(1));
  }
  const std::string difference =
      first_difference(parse_json(text, where), parse_json(rows[0].text(2), where + ": identity"), "");
  if (!difference.empty()) {
    fail("{} belongs to something else: {}. Use another name, or another database.", where, difference);
  }
  return rows[0].integer(0);
}

}  // namespace triage::search
