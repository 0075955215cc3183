// Rows that have a name and belong to one identity: all that must be the same for what is kept under them to be
// comparable.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "search/store/sql.h"

namespace triage::search {

struct NamedTable {
  std::string table;  // with columns id, name, format, identity
  std::string what;   // "study"
  std::int64_t format = 1;
};

// The id of the row with this name, made when missing; to be called within a transaction. Throws Error where the row
// has another format or identity: the first field that differs is shown with both sides.
std::int64_t open_named(SqlDatabase& database, const NamedTable& kind, const std::string& name, const Json& identity);

// Bytes that are no UTF-8 (file names may have them) are replaced.
std::string json_text(const Json& json);
std::string object_text(const Json& json, const std::string& where);  // throws Error when it is no object

}  // namespace triage::search
