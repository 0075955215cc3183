// SqlDatabase on a SQLite file. Write-ahead log: readers never wait for a writer.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <chrono>
#include <format>
#include <memory>
#include <thread>

#include "core/error.h"
#include "search/sql.h"

namespace triage::search {
namespace {

constexpr std::chrono::seconds kSqliteWait{60};

class SqliteDatabase final : public SqlDatabase {
  // SQLite's own messages do not say which file they are about.
  template <class Body>
  auto translated(Body&& body) const {
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      fail("{}: SQLite: {}", origin(), error.what());
    }
  }

 public:
  explicit SqliteDatabase(const std::string& file) : SqlDatabase(file) {
    translated([&] {
      database_ = std::make_unique<SQLite::Database>(
          file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
          static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kSqliteWait).count()));
      use_write_ahead_log();
    });
  }

  SqlResult run(const std::string& statement, const std::vector<SqlValue>& values) override {
    return translated([&] {
      SQLite::Statement query(*database_, statement);
      for (std::size_t i = 0; i < values.size(); ++i) {
        std::visit([&](const auto& value) { query.bind(std::format("${}", i + 1), value); }, values[i]);
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

  // SQLite does not wait when several processes make the change at once: the losers are told "locked".
  void use_write_ahead_log() {
    const auto give_up = std::chrono::steady_clock::now() + kSqliteWait;
    while (true) {
      try {
        database_->exec("PRAGMA journal_mode = WAL");
        return;
      } catch (const SQLite::Exception& error) {
        if (error.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > give_up) throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace

std::unique_ptr<SqlDatabase> open_sqlite(const std::string& file) { return std::make_unique<SqliteDatabase>(file); }

}  // namespace triage::search
