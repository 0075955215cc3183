// AnswerTable in a database: triage_answer_stores (name, identity) < triage_answers.
#include "core/json.h"
#include "search/store/answer_table.h"
#include "search/store/identity.h"

namespace triage::search {
namespace {

constexpr const char* kAnswerTables[] = {
    "CREATE TABLE IF NOT EXISTS triage_answer_stores (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "format BIGINT NOT NULL, identity TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS triage_answers (store BIGINT NOT NULL, id BIGINT NOT NULL, arch TEXT NOT NULL, "
    "macs BIGINT NOT NULL, parameters BIGINT NOT NULL, accuracy TEXT NOT NULL, logits BYTEA NOT NULL, "
    "sha256 TEXT NOT NULL, PRIMARY KEY (store, id), UNIQUE (store, arch))",
};

AnswerRow row_of(const SqlRow& row) {
  return {.arch = row.text(0),
          .macs = row.integer(1),
          .parameters = row.integer(2),
          .accuracy = row.text(3),
          .logits = row.text(4),
          .sha256 = row.text(5)};
}

class AnswerTables final : public AnswerTable {
 public:
  AnswerTables(const std::string& location, const std::string& name, const AnswerHeader& header)
      : database_(open_database(location)) {
    SqlTransaction transaction(*database_);
    for (const char* table : kAnswerTables) database_->run(table);
    store_ = open_named(*database_, {.table = "triage_answer_stores", .what = "answers"}, name, Json(header));
    transaction.commit();
  }

  bool has(const std::string& arch) override {
    return !database_->run("SELECT 1 FROM triage_answers WHERE store = $1 AND arch = $2", {store_, arch}).rows.empty();
  }
  std::optional<AnswerRow> find(const std::string& arch) override {
    const SqlResult found = database_->run(
        "SELECT arch, macs, parameters, accuracy, logits, sha256 FROM triage_answers WHERE store = $1 AND arch = $2",
        {store_, arch});
    return found.rows.empty() ? std::nullopt : std::optional(row_of(found.rows[0]));
  }
  void insert(const AnswerRow& row) override {
    SqlTransaction transaction(*database_);
    const std::int64_t id =
        database_->run("SELECT COALESCE(MAX(id) + 1, 1) FROM triage_answers WHERE store = $1", {store_})
            .rows.at(0)
            .integer(0);
    database_->run(
        "INSERT INTO triage_answers (store, id, arch, macs, parameters, accuracy, logits, sha256) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (store, arch) DO UPDATE SET macs = excluded.macs, "
        "parameters = excluded.parameters, accuracy = excluded.accuracy, logits = excluded.logits, "
        "sha256 = excluded.sha256",
        {store_, id, row.arch, row.macs, row.parameters, row.accuracy, SqlBytes{row.logits}, row.sha256});
    transaction.commit();
  }
  void each(const std::function<void(const AnswerRow&)>& visit) override {
    const SqlResult found = database_->run("SELECT arch FROM triage_answers WHERE store = $1 ORDER BY id", {store_});
    for (const SqlRow& row : found.rows) {  // one by one: all logits together may not fit into memory
      if (const std::optional<AnswerRow> answers = find(row.text(0))) visit(*answers);
    }
  }

 private:
  std::unique_ptr<SqlDatabase> database_;
  std::int64_t store_ = 0;
};

}  // namespace

std::unique_ptr<AnswerTable> open_answer_tables(const std::string& location, const std::string& name,
                                                const AnswerHeader& header) {
  return std::make_unique<AnswerTables>(location, name, header);
}

}  // namespace triage::search
