// SqlDatabase on a SQLite file. Write-ahead log: readers never wait for a writer.
#include <chrono>
#include <format>
#include <memory>
#include <optional>

#include "core/files/sqlite.h"
#include "search/store/sql.h"

namespace triage::search {
namespace {

void bind(SQLite::Statement& query, const std::string& place, const auto& value) { query.bind(place, value); }
void bind(SQLite::Statement& query, const std::string& place, const SqlBytes& value) {
  query.bind(place, value.bytes.data(), static_cast<int>(value.bytes.size()));
}

class SqliteDatabase final : public SqlDatabase {
  template <class Body>
  auto translated(Body&& body) const {
    return named_sqlite_errors(origin(), "a SQLite database", body);
  }

 public:
  explicit SqliteDatabase(const std::string& file) : SqlDatabase(file) {
    translated([&] {
      database_.emplace(open_sqlite_file(file, "a SQLite database"));
      use_write_ahead_log(*database_);
    });
  }

  SqlResult run(const std::string& statement, const std::vector<SqlValue>& values) override {
    return translated([&] {
      SQLite::Statement query(*database_, statement);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string place = std::format("${}", i + 1);
        std::visit([&](const auto& value) { bind(query, place, value); }, values[i]);
      }
      SqlResult result;
      while (query.executeStep()) {
        std::vector<std::string> cells;
        for (int i = 0; i < query.getColumnCount(); ++i) cells.push_back(query.getColumn(i).getString());
        result.rows.emplace_back(std::move(cells));
      }
      result.changed = database_->getChanges();
      return result;
    });
  }

  std::int64_t now_ms() override {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
  }

 private:
  void begin() override {
    translated([&] { database_->exec("BEGIN IMMEDIATE"); });
  }
  void commit() override {
    translated([&] { database_->exec("COMMIT"); });
  }
  void rollback() noexcept override { database_->tryExec("ROLLBACK"); }

  std::optional<SQLite::Database> database_;
};

}  // namespace

std::unique_ptr<SqlDatabase> open_sqlite(const std::string& file) { return std::make_unique<SqliteDatabase>(file); }

}  // namespace triage::search
