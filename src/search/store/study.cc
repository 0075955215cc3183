// Tables, one row per: study (name, identity) < batch (worker, lease, done, summary), trial (genome, points as JSON).
// Every change is a SqlTransaction, so changes of several workers happen one after the other; see sql.h for what that
// means for ids.
#include "search/store/study.h"

#include <bit>
#include <cmath>
#include <set>

#include "core/warning.h"
#include "search/store/identity.h"
#include "search/store/worker.h"

namespace triage::search {
namespace {

constexpr std::int64_t kStudyFormat = 1;

constexpr const char* kStudyTables[] = {
    "CREATE TABLE IF NOT EXISTS triage_studies (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "format BIGINT NOT NULL, identity TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS triage_batches (study BIGINT NOT NULL, id BIGINT NOT NULL, worker TEXT NOT NULL, "
    "lease_end BIGINT NOT NULL, attempt BIGINT NOT NULL, done BIGINT NOT NULL, summary TEXT NOT NULL, "
    "PRIMARY KEY (study, id))",
    "CREATE TABLE IF NOT EXISTS triage_trials (study BIGINT NOT NULL, id BIGINT NOT NULL, batch BIGINT NOT NULL, "
    "seed BIGINT NOT NULL, genome TEXT NOT NULL, origin TEXT NOT NULL, points TEXT NOT NULL, "
    "PRIMARY KEY (study, id), UNIQUE (study, genome))",
};

// Bytes that are no UTF-8 are replaced before the checksum is made: what is read back is what it is of.
std::string sealed_text(const Json& json, const std::string& where) {
  Json stored = parse_json(object_text(json, where), where);
  seal(stored);
  return stored.dump();
}

// What a trial's checksum is of.
Json sealed_trial(const Trial& trial, std::uint64_t batch, const Json& points) {
  Json json = {
      {"batch", batch}, {"genome", trial.genome}, {"origin", trial.origin}, {"seed", trial.seed}, {"points", points}};
  seal(json);
  return json;
}

// {"points": [...], "checksum": ...}; the other columns that a trial is made of are in the checksum.
std::string points_text(const Trial& trial, std::uint64_t batch, const std::string& where) {
  Json points = Json::array();
  for (const TrialPoint& point : trial.points) {
    bool finite = std::isfinite(point.cost) && std::isfinite(point.accuracy);
    for (const double threshold : point.thresholds) finite = finite && std::isfinite(threshold);
    if (!finite) {
      fail("{}: trial {}: points[{}]: expected finite numbers, found cost {}, accuracy {}, thresholds {}", where,
           trial.genome, points.size(), point.cost, point.accuracy, Json(point.thresholds).dump());
    }
    Json json = {{"cost", point.cost}, {"accuracy", point.accuracy}, {"thresholds", point.thresholds}};
    if (!point.more.empty()) json["more"] = point.more;
    points.push_back(std::move(json));
  }
  return json_text({{"points", points}, {"checksum", sealed_trial(trial, batch, points)["checksum"]}});
}

// Of before there were checksums: the list alone.
Json checked_points(const std::string& text, const Trial& trial, const std::string& database,
                    const std::string& where) {
  Json json = parse_json(text, where);
  if (json.is_array()) {
    warn(database + ": has trials without a checksum (of before there were any): damage would not be noticed");
    return json;
  }
  const JsonReader stored(json, where);
  const JsonReader list = stored.at("points");
  const Json& points = list.json();
  const std::string expected = stored.get<std::string>("checksum");
  const std::string found = sealed_trial(trial, trial.batch, points).at("checksum");
  if (found != expected) fail("{}: damaged: expected checksum {}, found {}", where, expected, found);
  return points;
}

std::vector<TrialPoint> parse_points(const Json& json, const std::string& where) {
  const JsonReader list(json, where);
  std::vector<TrialPoint> points;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonReader point = list.at(i);
    points.push_back({.cost = point.get<double>("cost"),
                      .accuracy = point.get<double>("accuracy"),
                      .thresholds = point.get<std::vector<double>>("thresholds"),
                      .more = point.has("more") ? point.at("more").json() : Json::object()});
  }
  return points;
}

}  // namespace

struct Study::Impl {
  Impl(const std::string& location, const std::string& name, const Json& identity, const StudyOptions& options)
      : database(open_database(location)), worker(this_worker(*database)) {
    if (!(options.lease_seconds > 0 && options.lease_seconds < 1e9)) {
      fail("{}: lease: expected seconds above 0, found {}", database->origin(), options.lease_seconds);
    }
    lease_ms = static_cast<std::int64_t>(std::ceil(options.lease_seconds * 1000));
    SqlTransaction transaction(*database);
    for (const char* table : kStudyTables) database->run(table);
    study = open_named(*database, {.table = "triage_studies", .what = "study", .format = kStudyFormat}, name, identity);
    transaction.commit();
  }

  std::int64_t number(const std::string& statement, const std::vector<SqlValue>& values) const {
    return database->run(statement, values).rows.at(0).integer(0);
  }

  std::unique_ptr<SqlDatabase> database;
  std::string worker;
  std::int64_t study = 0, lease_ms = 0;
};

Study::Study(const std::string& location, const std::string& name, const Json& identity, const StudyOptions& options)
    : impl_(std::make_unique<Impl>(location, name, identity, options)) {}
Study::~Study() = default;
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;

StudyBatch Study::claim() {
  SqlDatabase& database = *impl_->database;
  SqlTransaction transaction(database);
  const std::int64_t now = database.now_ms(), lease_end = now + impl_->lease_ms;
  const SqlResult open = database.run(
      "SELECT id, worker, lease_end, attempt, summary FROM triage_batches "
      "WHERE study = $1 AND done = 0 ORDER BY id",
      {impl_->study});
  for (const SqlRow& row : open.rows) {
    if (!row.text(4).empty()) fail("{}: damaged: batch {} has a result, found it open", database.origin(), row.text(0));
    if (now < row.integer(2) && !is_gone(database, row.text(1))) continue;
    const std::int64_t id = row.integer(0), attempt = row.integer(3) + 1;
    database.run("UPDATE triage_batches SET worker = $1, lease_end = $2, attempt = $3 WHERE study = $4 AND id = $5",
                 {impl_->worker, lease_end, attempt, impl_->study, id});
    transaction.commit();
    return {.id = static_cast<std::uint64_t>(id), .attempt = static_cast<int>(attempt)};
  }
  const std::int64_t id =
      impl_->number("SELECT COALESCE(MAX(id) + 1, 0) FROM triage_batches WHERE study = $1", {impl_->study});
  database.run(
      "INSERT INTO triage_batches (study, id, worker, lease_end, attempt, done, summary) "
      "VALUES ($1, $2, $3, $4, 1, 0, '')",
      {impl_->study, id, impl_->worker, lease_end});
  transaction.commit();
  return {.id = static_cast<std::uint64_t>(id)};
}

bool Study::complete(const StudyBatch& batch, const std::vector<Trial>& trials, const Json& summary) {
  SqlDatabase& database = *impl_->database;
  const std::string where = std::format("{}: batch {}", database.origin(), batch.id);
  const auto batch_id = static_cast<std::int64_t>(batch.id);
  const std::string summary_text = sealed_text(summary, where + ": summary");
  std::vector<std::string> points;  // made before the others have to wait
  points.reserve(trials.size());
  for (const Trial& trial : trials) points.push_back(points_text(trial, batch.id, where));

  SqlTransaction transaction(database);
  const auto rows =
      database.run("SELECT done FROM triage_batches WHERE study = $1 AND id = $2", {impl_->study, batch_id}).rows;
  if (rows.empty()) fail("{}: expected one that was claimed", where);
  if (rows[0].integer(0) != 0) return false;
  std::int64_t next =
      impl_->number("SELECT COALESCE(MAX(id) + 1, 1) FROM triage_trials WHERE study = $1", {impl_->study});
  for (std::size_t i = 0; i < trials.size(); ++i) {
    next += database
                .run(
                    "INSERT INTO triage_trials (study, id, batch, seed, genome, origin, points) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (study, genome) DO NOTHING",
                    {impl_->study, next, batch_id, std::bit_cast<std::int64_t>(trials[i].seed), trials[i].genome,
                     trials[i].origin, points[i]})
                .changed;
  }
  database.run("UPDATE triage_batches SET done = 1, summary = $1 WHERE study = $2 AND id = $3",
               {summary_text, impl_->study, batch_id});
  transaction.commit();
  return true;
}

std::vector<Trial> Study::trials_after(std::uint64_t last_id) const {
  std::vector<Trial> trials;
  const SqlResult found = impl_->database->run(
      "SELECT id, batch, seed, genome, origin, points FROM triage_trials "
      "WHERE study = $1 AND id > $2 ORDER BY id",
      {impl_->study, static_cast<std::int64_t>(last_id)});
  for (const SqlRow& row : found.rows) {
    const std::string where = std::format("{}: points of trial {}", impl_->database->origin(), row.text(0));
    Trial& trial = trials.emplace_back(Trial{.id = static_cast<std::uint64_t>(row.integer(0)),
                                             .batch = static_cast<std::uint64_t>(row.integer(1)),
                                             .seed = std::bit_cast<std::uint64_t>(row.integer(2)),
                                             .genome = row.text(3),
                                             .origin = row.text(4)});
    trial.points = parse_points(checked_points(row.text(5), trial, impl_->database->origin(), where), where);
  }
  return trials;
}

std::vector<Json> Study::history() const {
  std::vector<Json> summaries;
  const SqlResult found = impl_->database->run(
      "SELECT id, summary FROM triage_batches WHERE study = $1 AND done = 1 ORDER BY id", {impl_->study});
  for (const SqlRow& row : found.rows) {
    Json entry = {{"batch", row.integer(0)}};
    const std::string where = std::format("{}: summary of batch {}", impl_->database->origin(), row.text(0));
    Json summary = parse_json(row.text(1), where);
    unseal(summary, where);
    entry.update(summary);
    entry["batch"] = row.integer(0);
    summaries.push_back(std::move(entry));
  }
  return summaries;
}

std::size_t Study::size() const {
  return static_cast<std::size_t>(impl_->number("SELECT COUNT(*) FROM triage_trials WHERE study = $1", {impl_->study}));
}

std::size_t Study::workers() const {
  SqlDatabase& database = *impl_->database;
  const std::int64_t now = database.now_ms();
  std::set<std::string> workers;
  const SqlResult open =
      database.run("SELECT worker, lease_end FROM triage_batches WHERE study = $1 AND done = 0", {impl_->study});
  for (const SqlRow& row : open.rows) {
    if (now < row.integer(1) && !is_gone(database, row.text(0))) workers.insert(row.text(0));
  }
  return workers.size();
}

}  // namespace triage::search
