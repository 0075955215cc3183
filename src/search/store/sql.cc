#include "search/store/sql.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace triage::search {

std::int64_t SqlRow::integer(std::size_t column) const {
  const std::string& cell = text(column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) {
    fail("database: column {}: expected an integer, found \"{}\"", column, cell);
  }
  return value;
}

bool is_server(const std::string& location) {
  return location.starts_with("postgresql://") || location.starts_with("postgres://");
}

std::unique_ptr<SqlDatabase> open_database(const std::string& location) {
  if (is_server(location)) return open_postgres(location);
  if (const std::size_t scheme = location.find("://"); scheme != std::string::npos) {
    fail("{}: expected a file or postgresql://user@host:port/database, found {}", shown_location(location),
         location.substr(0, scheme + 3));
  }
  return open_sqlite(location);
}

// Rather hides too much: a password that was not escaped may hold any character.
std::string shown_location(const std::string& location) {
  const std::size_t scheme = location.find("://");
  if (scheme == std::string::npos) return location;
  std::string shown = location;
  constexpr std::string_view kParameter = "password=";
  for (std::size_t at = 0; (at = shown.find(kParameter, at)) != std::string::npos;) {
    at += kParameter.size();
    shown.replace(at, std::min(shown.find('&', at), shown.size()) - at, "***");
  }
  const std::size_t user = scheme + 3, colon = shown.find(':', user), host = shown.rfind('@');
  if (host != std::string::npos && colon < host) shown.replace(colon + 1, host - colon - 1, "***");
  return shown;
}

}  // namespace triage::search
