// Opening SQLite files that are ours: the one place that knows about damage, waiting and the write-ahead log. For
// modules that link SQLiteCpp; errors of SQLite become Errors that name the file.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "core/error.h"

namespace triage {

inline constexpr std::chrono::milliseconds kSqliteWait{60'000};  // for other processes

// SQLite's own messages do not say which file they are about. expected: "a tuning store".
template <class Body>
auto named_sqlite_errors(const std::string& file, const std::string& expected, Body&& body) {
  try {
    return body();
  } catch (const SQLite::Exception& error) {
    fail("{}: expected {}: {}", file, expected, error.what());
  }
}

// Opens or creates. Pages that are damaged are refused here, not when somebody comes to them.
inline SQLite::Database open_sqlite_file(const std::string& file, const std::string& expected) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(file, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail("{}: expected {}, found no regular file", file, expected);
  SQLite::Database database(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, static_cast<int>(kSqliteWait.count()));
  SQLite::Statement intact(database, "PRAGMA integrity_check(1)");
  if (const std::string found = intact.executeStep() ? intact.getColumn(0).getString() : "nothing"; found != "ok") {
    fail("{}: expected {}, found it damaged: {}", file, expected, found);
  }
  return database;
}

// Readers never wait for a writer. SQLite does not wait when several processes make the change at once: the losers are
// told "locked".
inline void use_write_ahead_log(SQLite::Database& database) {
  const auto give_up = std::chrono::steady_clock::now() + kSqliteWait;
  while (true) {
    try {
      database.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > give_up) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// The column sha256 of a table of before its rows had checksums: empty there.
inline void add_checksum_column(SQLite::Database& database, const std::string& table) {
  SQLite::Statement query(database, "SELECT count(*) FROM pragma_table_info(?) WHERE name = 'sha256'");
  query.bind(1, table);
  query.executeStep();
  const bool there = query.getColumn(0).getInt() > 0;
  query.reset();
  if (!there) database.exec("ALTER TABLE " + table + " ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''");
}

}  // namespace triage
