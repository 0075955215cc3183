// AnswerTable in a SQLite file of its own.
#include "core/files/sqlite.h"
#include "search/store/answer_table.h"

namespace triage::search {
namespace {

constexpr const char* kExpected = "a store of subnets' answers";
constexpr const char* kColumns = "arch, macs, parameters, accuracy, logits, sha256";

AnswerRow row_of(SQLite::Statement& query) {
  return {.arch = query.getColumn(0).getString(),
          .macs = query.getColumn(1).getInt64(),
          .parameters = query.getColumn(2).getInt64(),
          .accuracy = query.getColumn(3).getString(),
          .logits = query.getColumn(4).getString(),
          .sha256 = query.getColumn(5).getString()};
}

class AnswerFile final : public AnswerTable {
 public:
  AnswerFile(const fs::path& file, const AnswerHeader& header)
      : origin_(file.string()), database_(open_sqlite_file(origin_, kExpected)) {
    use_write_ahead_log(database_);
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    if (database_.tableExists("store")) {
      check(header);
      add_checksum_column(database_, "subnets");
    } else {
      make(header);
    }
    transaction.commit();
  }

  bool has(const std::string& arch) override {
    return named_sqlite_errors(origin_, kExpected, [&] {
      SQLite::Statement query(database_, "SELECT 1 FROM subnets WHERE arch = ?");
      query.bind(1, arch);
      return query.executeStep();
    });
  }
  std::optional<AnswerRow> find(const std::string& arch) override {
    return named_sqlite_errors(origin_, kExpected, [&]() -> std::optional<AnswerRow> {
      SQLite::Statement query(database_, std::format("SELECT {} FROM subnets WHERE arch = ?", kColumns));
      query.bind(1, arch);
      if (!query.executeStep()) return std::nullopt;
      return row_of(query);
    });
  }
  void insert(const AnswerRow& row) override {
    named_sqlite_errors(origin_, kExpected, [&] {
      SQLite::Statement insert(database_,
                               std::format("INSERT OR REPLACE INTO subnets ({}) VALUES (?, ?, ?, ?, ?, ?)", kColumns));
      insert.bind(1, row.arch);
      insert.bind(2, row.macs);
      insert.bind(3, row.parameters);
      insert.bind(4, row.accuracy);
      insert.bind(5, row.logits.data(), static_cast<int>(row.logits.size()));
      insert.bind(6, row.sha256);
      insert.exec();
    });
  }
  void each(const std::function<void(const AnswerRow&)>& visit) override {
    named_sqlite_errors(origin_, kExpected, [&] {
      SQLite::Statement query(database_, std::format("SELECT {} FROM subnets ORDER BY rowid", kColumns));
      while (query.executeStep()) visit(row_of(query));
    });
  }

 private:
  void make(const AnswerHeader& header) {
    database_.exec("CREATE TABLE store (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    database_.exec(
        "CREATE TABLE subnets (arch TEXT NOT NULL UNIQUE, macs INTEGER NOT NULL, parameters INTEGER NOT NULL, "
        "accuracy TEXT NOT NULL, logits BLOB NOT NULL, sha256 TEXT NOT NULL)");
    SQLite::Statement insert(database_, "INSERT INTO store VALUES (?, ?)");
    for (const auto& [key, value] : header) {
      insert.bind(1, key);
      insert.bind(2, value);
      insert.exec();
      insert.reset();
    }
  }

  void check(const AnswerHeader& header) {
    SQLite::Statement query(database_, "SELECT value FROM store WHERE key = ?");
    for (const auto& [name, expected] : header) {
      query.bind(1, name);
      const std::string found = query.executeStep() ? query.getColumn(0).getString() : "nothing";
      query.reset();
      if (found != expected) {
        fail(
            "{}: these answers belong to something else: {}: expected {}, found {}. Use another --store, or delete it.",
            origin_, name, expected, found);
      }
    }
  }

  std::string origin_;
  SQLite::Database database_;
};

}  // namespace

std::unique_ptr<AnswerTable> open_answer_file(const fs::path& file, const AnswerHeader& header) {
  return named_sqlite_errors(file.string(), kExpected, [&] { return std::make_unique<AnswerFile>(file, header); });
}

}  // namespace triage::search
