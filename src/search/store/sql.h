// The one face that SQLite (a file, several processes of one machine) and PostgreSQL (a server, many machines) show to
// the code that stores something in them. Statements are the same text for both: placeholders $1, $2, ..., columns
// TEXT, BIGINT and BYTEA, no dialect.
//
// Writers take turns: a SqlTransaction excludes every other one on the same database, from its start until what it
// wrote can be read by all. So an id that is "the largest and one" within it rises in the order in which others see it.
// One object per thread, and none open across a fork(): SQLite would lose its locks. Everything throws Error, which
// begins with the origin.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace triage::search {

struct SqlBytes {  // of a column of type BYTEA
  std::string bytes;
};
using SqlValue = std::variant<std::int64_t, std::string, SqlBytes>;

class SqlRow {
 public:
  explicit SqlRow(std::vector<std::string> cells) : cells_(std::move(cells)) {}
  const std::string& text(std::size_t column) const { return cells_.at(column); }  // of NULL: empty
  std::int64_t integer(std::size_t column) const;                                  // Error when it is none

 private:
  std::vector<std::string> cells_;
};

struct SqlResult {
  std::vector<SqlRow> rows;
  std::int64_t changed = 0;  // rows that an INSERT or UPDATE wrote; of no meaning after anything else
};

class SqlDatabase {
 public:
  virtual ~SqlDatabase() = default;

  // One statement; outside a SqlTransaction it is a transaction of its own. Waits up to a minute for other writers.
  virtual SqlResult run(const std::string& statement, const std::vector<SqlValue>& values = {}) = 0;
  // Milliseconds since 1970 by the clock that all users of the database share.
  virtual std::int64_t now_ms() = 0;
  // A name of this connection by which others can ask whether it has ended; empty where only processes end (SQLite).
  virtual std::string session() { return {}; }
  // True only when it is certain that this session's connection has ended.
  virtual bool ended(const std::string& /*session*/) { return false; }
  // The location as messages may show it: without a password.
  const std::string& origin() const { return origin_; }

 protected:
  explicit SqlDatabase(std::string origin) : origin_(std::move(origin)) {}

 private:
  friend class SqlTransaction;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;

  std::string origin_;
};

class SqlTransaction {
 public:
  explicit SqlTransaction(SqlDatabase& database) : database_(database) { database_.begin(); }
  ~SqlTransaction() {
    if (open_) database_.rollback();
  }
  SqlTransaction(const SqlTransaction&) = delete;
  SqlTransaction& operator=(const SqlTransaction&) = delete;

  void commit() {
    database_.commit();
    open_ = false;
  }

 private:
  SqlDatabase& database_;
  bool open_ = true;
};

// A file, made when missing, or "postgresql://user@host:port/database" ("postgres://" too). A password is better kept
// in
// ~/.pgpass than written there.
std::unique_ptr<SqlDatabase> open_database(const std::string& location);
bool is_server(const std::string& location);  // begins as one of PostgreSQL's

// The same without what could be a password.
std::string shown_location(const std::string& location);

// The backends, each in a file of its own.
std::unique_ptr<SqlDatabase> open_sqlite(const std::string& file);
std::unique_ptr<SqlDatabase> open_postgres(const std::string& location);

}  // namespace triage::search
