#include "search/store/logit_store.h"

#include <algorithm>
#include <cstring>

#include "core/files/sqlite.h"
#include "core/json.h"
#include "core/warning.h"

namespace triage::search {
namespace {

constexpr int kStoreVersion = 1;
constexpr const char* kExpected = "a store of subnets' answers";

using Half = _Float16;

std::vector<Half> to_half(const std::vector<float>& values) {
  std::vector<Half> half(values.size());
  std::ranges::transform(values, half.begin(), [](float value) { return static_cast<Half>(value); });
  return half;
}

std::vector<float> from_half(const void* bytes, std::size_t count) {
  std::vector<Half> half(count);
  std::memcpy(half.data(), bytes, count * sizeof(Half));
  std::vector<float> values(count);
  std::ranges::transform(half, values.begin(), [](Half value) { return static_cast<float>(value); });
  return values;
}

Json to_json(const StoreKey& key) {
  return {{"weights", key.weights}, {"data", key.data}, {"split", key.split}, {"recalibration", key.recalibration}};
}

std::string bytes_of(const SQLite::Column& blob) {
  return {static_cast<const char*>(blob.getBlob()), static_cast<std::size_t>(blob.getBytes())};
}

// Of a row: what is computed from it.
std::string row_digest(const std::string& arch, std::int64_t macs, std::int64_t parameters, const std::string& accuracy,
                       const std::string& logits) {
  return sha256_hex(std::format("{}\n{} {}\n{}\n", arch, macs, parameters, accuracy) + logits);
}

// Columns: arch, macs, parameters, accuracy, logits, sha256.
SubnetAnswers read_row(SQLite::Statement& row, const std::string& origin) {
  SubnetAnswers answers;
  answers.arch = row.getColumn(0).getString();
  answers.macs = row.getColumn(1).getInt64();
  answers.parameters = row.getColumn(2).getInt64();
  const std::string accuracy_text = row.getColumn(3).getString(), expected = row.getColumn(5).getString();
  const std::string found =
      row_digest(answers.arch, answers.macs, answers.parameters, accuracy_text, bytes_of(row.getColumn(4)));
  if (expected.empty()) {
    warn(origin + ": has answers without a checksum (of before there were any): damage would not be noticed");
  } else if (found != expected) {
    fail("{}: subnet {}: damaged: expected SHA-256 {}, found {}", origin, answers.arch, expected, found);
  }
  const Json accuracy = parse_json(accuracy_text, origin + ": accuracy");
  answers.accuracy = JsonReader(accuracy, origin + ": accuracy of " + answers.arch).as<std::vector<double>>();
  return answers;
}

}  // namespace

struct LogitStore::Impl {
  Impl(const fs::path& file, const StoreKey& store_key, int class_count, const std::vector<Label>& split_labels)
      : origin(file.string()),
        classes(class_count),
        labels(split_labels),
        database(open_sqlite_file(origin, kExpected)) {
    use_write_ahead_log(database);
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    if (database.tableExists("store")) {
      check_key(store_key);
      add_checksum_column(database, "subnets");
    } else {
      database.exec("CREATE TABLE store (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
      database.exec(
          "CREATE TABLE subnets (arch TEXT NOT NULL UNIQUE, macs INTEGER NOT NULL, parameters INTEGER NOT NULL, "
          "accuracy TEXT NOT NULL, logits BLOB NOT NULL, sha256 TEXT NOT NULL)");
      SQLite::Statement insert(database, "INSERT INTO store VALUES (?, ?)");
      const Json fields = header(store_key);
      for (const auto& [key, value] : fields.items()) {
        insert.bind(1, key);
        insert.bind(2, value.get<std::string>());
        insert.exec();
        insert.reset();
      }
    }
    transaction.commit();
  }

  Json header(const StoreKey& key) const {
    Json json = to_json(key);
    json["version"] = std::to_string(kStoreVersion);
    json["classes"] = std::to_string(classes);
    json["images"] = std::to_string(labels.size());
    json["labels"] = sha256_hex(store_labels(labels, static_cast<std::size_t>(classes)));
    return json;
  }

  void check_key(const StoreKey& key) {
    SQLite::Statement query(database, "SELECT value FROM store WHERE key = ?");
    const Json fields = header(key);
    for (const auto& [name, expected] : fields.items()) {
      query.bind(1, name);
      const std::string found = query.executeStep() ? query.getColumn(0).getString() : "nothing";
      query.reset();
      if (found != expected.get<std::string>()) {
        fail(
            "{}: these answers belong to something else: {}: expected {}, found {}. Use another --store, or delete it.",
            origin, name, expected.get<std::string>(), found);
      }
    }
  }

  std::string origin;
  int classes;
  std::vector<Label> labels;
  mutable SQLite::Database database;
};

namespace {

template <class Body>
auto named(const std::string& origin, Body&& body) {
  return named_sqlite_errors(origin, kExpected, body);
}

}  // namespace

LogitStore::LogitStore(const fs::path& file, const StoreKey& key, int classes, const std::vector<Label>& labels)
    : impl_(named(file.string(), [&] { return std::make_unique<Impl>(file, key, classes, labels); })) {}
LogitStore::~LogitStore() = default;
LogitStore::LogitStore(LogitStore&&) noexcept = default;

bool LogitStore::has(const plan::ArchSpec& subnet) const {
  return named(impl_->origin, [&] {
    SQLite::Statement query(impl_->database, "SELECT 1 FROM subnets WHERE arch = ?");
    query.bind(1, subnet.text());
    return query.executeStep();
  });
}

std::optional<SubnetAnswers> LogitStore::find(const plan::ArchSpec& subnet) const {
  return named(impl_->origin, [&]() -> std::optional<SubnetAnswers> {
    SQLite::Statement query(impl_->database,
                            "SELECT arch, macs, parameters, accuracy, logits, sha256 FROM subnets WHERE arch = ?");
    query.bind(1, subnet.text());
    if (!query.executeStep()) return std::nullopt;
    SubnetAnswers answers = read_row(query, impl_->origin);
    const SQLite::Column logits = query.getColumn(4);
    const std::size_t count = answers.accuracy.size() * impl_->labels.size() * static_cast<std::size_t>(impl_->classes);
    if (static_cast<std::size_t>(logits.getBytes()) != count * sizeof(Half)) {
      fail("{}: subnet {}: expected {} bytes of logits, found {}", impl_->origin, answers.arch, count * sizeof(Half),
           logits.getBytes());
    }
    answers.logits = from_half(logits.getBlob(), count);
    return answers;
  });
}

void LogitStore::insert(const SubnetAnswers& answers) {
  const std::size_t expected =
      answers.accuracy.size() * impl_->labels.size() * static_cast<std::size_t>(impl_->classes);
  if (answers.logits.size() != expected || expected == 0) {
    fail("{}: subnet {}: expected {} logits, found {}", impl_->origin, answers.arch, expected, answers.logits.size());
  }
  named(impl_->origin, [&] {
    const std::vector<Half> half = to_half(answers.logits);
    const std::string accuracy = Json(answers.accuracy).dump();
    const std::string logits(reinterpret_cast<const char*>(half.data()), half.size() * sizeof(Half));
    SQLite::Statement insert(impl_->database,
                             "INSERT OR REPLACE INTO subnets (arch, macs, parameters, accuracy, logits, sha256) "
                             "VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(1, answers.arch);
    insert.bind(2, answers.macs);
    insert.bind(3, answers.parameters);
    insert.bind(4, accuracy);
    insert.bind(5, logits.data(), static_cast<int>(logits.size()));
    insert.bind(6, row_digest(answers.arch, answers.macs, answers.parameters, accuracy, logits));
    insert.exec();
  });
}

std::vector<SubnetAnswers> LogitStore::list() const {
  return named(impl_->origin, [&] {
    std::vector<SubnetAnswers> all;
    SQLite::Statement query(impl_->database,
                            "SELECT arch, macs, parameters, accuracy, logits, sha256 FROM subnets ORDER BY rowid");
    while (query.executeStep()) all.push_back(read_row(query, impl_->origin));
    return all;
  });
}

const std::vector<Label>& LogitStore::labels() const { return impl_->labels; }

}  // namespace triage::search
