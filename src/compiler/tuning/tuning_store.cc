#include "compiler/tuning/tuning_store.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files/sqlite.h"
#include "core/system/machine.h"
#include "core/warning.h"

namespace triage::compiler {
namespace {

constexpr const char* kTuningKind = "triage tuning store";
// 1: keys had rows instead of threads; 2: int8 kernels with tiles of four vectors were several times slower
constexpr int kTuningVersion = 3;
constexpr const char* kColumns =
    "SELECT kernel, schedule, us, spread, samples, failure, git, date, sha256 FROM candidates ";

template <class Body>
auto in_store(const std::string& origin, Body&& body) {
  return named_sqlite_errors(origin, "a tuning store", body);
}

// What a row's checksum is of; a row of before there were any has none.
std::string candidate_sum(const std::string& machine, const Candidate& row) {
  const std::string us = row.outcome.us ? std::format("{}", *row.outcome.us) : "none";
  return sha256_hex(std::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", machine, row.key.text(), row.schedule.text(), us,
                                row.outcome.spread, row.outcome.samples, row.outcome.failure, row.git, row.date));
}

struct Tuned {
  std::string schedule;
  int effort = 0;
  std::string git, date;
};

std::string tuned_sum(const std::string& machine, const std::string& kernel, const Tuned& row) {
  return sha256_hex(
      std::format("{}\n{}\n{}\n{}\n{}\n{}", machine, kernel, row.schedule, row.effort, row.git, row.date));
}

}  // namespace

struct TuningStore::Impl {
  Impl(const fs::path& file, std::string of_machine)
      : origin(file.string()), machine(std::move(of_machine)), database(open_sqlite_file(origin, "a tuning store")) {
    check();  // before anything is written: the file may be somebody else's
    use_write_ahead_log(database);
    database.exec("PRAGMA synchronous = NORMAL");
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    if (!database.tableExists("store")) make();
    for (const char* table : {"candidates", "tuned"}) add_checksum_column(database, table);
    transaction.commit();
  }

  void check() {
    const int tables = database.execAndGet("SELECT count(*) FROM sqlite_master WHERE type = 'table'").getInt();
    if (tables == 0) return;  // new
    if (!database.tableExists("store")) fail("{}: expected a tuning store, found another SQLite database", origin);
    check_field("kind", kTuningKind);
    check_field("version", std::to_string(kTuningVersion));
  }

  void check_field(const char* field, const std::string& expected) {
    SQLite::Statement query(database, "SELECT value FROM store WHERE key = ?");
    query.bind(1, field);
    const std::string found = query.executeStep() ? query.getColumn(0).getString() : "nothing";
    if (found != expected) fail("{}: {}: expected {}, found {}", origin, field, expected, found);
  }

  void make() {
    database.exec("CREATE TABLE store (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    database.exec(
        "CREATE TABLE candidates (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, kernel TEXT NOT NULL, "
        "schedule TEXT NOT NULL, us REAL, spread REAL NOT NULL, samples INTEGER NOT NULL, failure TEXT NOT NULL, "
        "git TEXT NOT NULL, date TEXT NOT NULL, UNIQUE (machine, kernel, schedule))");
    database.exec(
        "CREATE TABLE tuned (machine TEXT NOT NULL, kernel TEXT NOT NULL, schedule TEXT NOT NULL, "
        "effort INTEGER NOT NULL, git TEXT NOT NULL, date TEXT NOT NULL, PRIMARY KEY (machine, kernel))");
    SQLite::Statement insert(database, "INSERT INTO store VALUES ('kind', ?), ('version', ?)");
    insert.bind(1, kTuningKind);
    insert.bind(2, std::to_string(kTuningVersion));
    insert.exec();
  }

  void check_sum(const std::string& kernel, const std::string& found, const std::string& expected) const {
    if (found.empty())
      warn(origin + ": has rows without a checksum (of before there were any): damage would not be noticed");
    else if (found != expected)
      fail("{}: {}: damaged: expected the checksum {}, found {}", origin, kernel, expected, found);
  }

  std::optional<Tuned> tuned(const std::string& kernel) const {
    SQLite::Statement query(database,
                            "SELECT schedule, effort, git, date, sha256 FROM tuned WHERE machine = ? AND kernel = ?");
    query.bind(1, machine);
    query.bind(2, kernel);
    if (!query.executeStep()) return {};
    Tuned row{query.getColumn(0).getString(), query.getColumn(1).getInt(), query.getColumn(2).getString(),
              query.getColumn(3).getString()};
    check_sum(kernel, query.getColumn(4).getString(), tuned_sum(machine, kernel, row));
    return row;
  }

  Candidate candidate(SQLite::Statement& row) const {
    try {
      Candidate candidate{.key = KernelKey::parse(row.getColumn(0).getString()),
                          .schedule = Schedule::parse(row.getColumn(1).getString())};
      if (!row.getColumn(2).isNull()) candidate.outcome.us = row.getColumn(2).getDouble();
      candidate.outcome.spread = row.getColumn(3).getDouble();
      candidate.outcome.samples = row.getColumn(4).getInt();
      candidate.outcome.failure = row.getColumn(5).getString();
      candidate.git = row.getColumn(6).getString();
      candidate.date = row.getColumn(7).getString();
      check_sum(candidate.key.text(), row.getColumn(8).getString(), candidate_sum(machine, candidate));
      return candidate;
    } catch (const Error& error) {
      fail("{}: {}", origin, error.what());
    }
  }

  std::vector<Candidate> select(const char* where, const std::string& kernel = {},
                                const std::string& schedule = {}) const {
    SQLite::Statement query(database, std::string(kColumns) + where);
    query.bind(1, machine);
    if (!kernel.empty()) query.bind(2, kernel);
    if (!schedule.empty()) query.bind(3, schedule);
    std::vector<Candidate> found;
    while (query.executeStep()) found.push_back(candidate(query));
    return found;
  }

  std::string origin, machine;
  mutable SQLite::Database database;
};

std::string tuning_machine(const Target& target, const std::string& cpu) { return target.text() + " on " + cpu; }

double key_distance(const KernelKey& a, const KernelKey& b) {
  const auto part = [](int x, int y) { return std::pow(std::log2(static_cast<double>(x) / y), 2); };
  return std::sqrt(part(a.in_channels, b.in_channels) + part(a.out_channels, b.out_channels) +
                   part(a.height, b.height) + part(a.width, b.width) + part(a.threads, b.threads));
}

TuningStore::TuningStore(const fs::path& file, std::string machine)
    : impl_(in_store(file.string(), [&] { return std::make_unique<Impl>(file, std::move(machine)); })) {}
TuningStore::~TuningStore() = default;
TuningStore::TuningStore(TuningStore&&) noexcept = default;

void TuningStore::insert(const KernelKey& key, const Schedule& schedule, const CandidateResult& outcome) {
  const bool timed = outcome.us && *outcome.us > 0 && std::isfinite(*outcome.us) && std::isfinite(outcome.spread);
  if (timed != outcome.failure.empty() || timed != outcome.us.has_value()) {
    fail("{}: {}: {}: expected a time above 0 or a failure, found {} and '{}'", impl_->origin, key.text(),
         schedule.text(), outcome.us ? std::format("{} us", *outcome.us) : "no time", outcome.failure);
  }
  in_store(impl_->origin, [&] {
    SQLite::Statement insert(impl_->database,
                             "INSERT INTO candidates (machine, kernel, schedule, us, spread, samples, failure, git, "
                             "date, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (machine, kernel, "
                             "schedule) DO UPDATE SET us = excluded.us, spread = excluded.spread, samples = "
                             "excluded.samples, failure = excluded.failure, git = excluded.git, date = excluded.date, "
                             "sha256 = excluded.sha256");
    const Candidate row{key, schedule, outcome, git_revision(), iso_time_now()};
    insert.bind(1, impl_->machine);
    insert.bind(2, key.text());
    insert.bind(3, schedule.text());
    if (outcome.us) insert.bind(4, *outcome.us);
    insert.bind(5, outcome.spread);
    insert.bind(6, outcome.samples);
    insert.bind(7, outcome.failure);
    insert.bind(8, row.git);
    insert.bind(9, row.date);
    insert.bind(10, candidate_sum(impl_->machine, row));
    insert.exec();
  });
}

void TuningStore::finish(const KernelKey& key, const Schedule& winner, int effort) {
  in_store(impl_->origin, [&] {
    SQLite::Statement insert(impl_->database,
                             "INSERT OR REPLACE INTO tuned SELECT machine, kernel, schedule, ?, ?, ?, ? FROM "
                             "candidates WHERE machine = ? AND kernel = ? AND schedule = ? AND us IS NOT NULL");
    const Tuned row{winner.text(), effort, git_revision(), iso_time_now()};
    insert.bind(1, effort);
    insert.bind(2, row.git);
    insert.bind(3, row.date);
    insert.bind(4, tuned_sum(impl_->machine, key.text(), row));
    insert.bind(5, impl_->machine);
    insert.bind(6, key.text());
    insert.bind(7, winner.text());
    if (insert.exec() != 1) {
      fail("{}: {}: winner {}: expected a measured candidate", impl_->origin, key.text(), winner.text());
    }
  });
}

int TuningStore::effort(const KernelKey& key) const {
  return in_store(impl_->origin, [&] {
    const std::optional<Tuned> tuned = impl_->tuned(key.text());
    return tuned ? tuned->effort : 0;
  });
}

std::optional<Candidate> TuningStore::best(const KernelKey& key) const {
  return in_store(impl_->origin, [&]() -> std::optional<Candidate> {
    const std::optional<Tuned> tuned = impl_->tuned(key.text());
    std::vector<Candidate> found;
    if (tuned)
      found = impl_->select("WHERE machine = ? AND kernel = ? AND schedule = ? AND us IS NOT NULL", key.text(),
                            tuned->schedule);
    if (found.empty())
      found = impl_->select("WHERE machine = ? AND kernel = ? AND us IS NOT NULL ORDER BY us, id LIMIT 1", key.text());
    if (found.empty()) return {};
    return std::move(found[0]);
  });
}

std::vector<Candidate> TuningStore::candidates(const KernelKey& key) const {
  return in_store(impl_->origin,
                  [&] { return impl_->select("WHERE machine = ? AND kernel = ? ORDER BY id", key.text()); });
}

std::vector<Candidate> TuningStore::all() const {
  return in_store(impl_->origin, [&] { return impl_->select("WHERE machine = ? ORDER BY id"); });
}

std::vector<KernelKey> TuningStore::keys() const {
  return in_store(impl_->origin, [&] {
    SQLite::Statement query(impl_->database,
                            "SELECT DISTINCT kernel FROM candidates WHERE machine = ? ORDER BY kernel");
    query.bind(1, impl_->machine);
    std::vector<KernelKey> keys;
    while (query.executeStep()) keys.push_back(KernelKey::parse(query.getColumn(0).getString()));
    return keys;
  });
}

std::vector<Candidate> TuningStore::nearest(const KernelKey& key, std::size_t most) const {
  std::vector<KernelKey> others = keys();
  std::erase_if(others, [&](const KernelKey& other) {
    return other == key || other.precision != key.precision || other.pool != key.pool;
  });
  std::ranges::stable_sort(others, {}, [&](const KernelKey& other) { return key_distance(key, other); });
  std::vector<Candidate> found;
  for (const KernelKey& other : others) {
    if (found.size() >= most) break;
    if (std::optional<Candidate> winner = best(other)) found.push_back(std::move(*winner));
  }
  return found;
}

std::size_t TuningStore::count() const {
  return in_store(impl_->origin, [&] {
    SQLite::Statement query(impl_->database, "SELECT count(*) FROM candidates WHERE machine = ?");
    query.bind(1, impl_->machine);
    query.executeStep();
    return static_cast<std::size_t>(query.getColumn(0).getInt64());
  });
}

const std::string& TuningStore::machine() const { return impl_->machine; }

}  // namespace triage::compiler
