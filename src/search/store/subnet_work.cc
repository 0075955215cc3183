// Tables: triage_works (name, identity, ended) < triage_work_subnets (subnet, worker, lease, done). Every change is a
// SqlTransaction, so no two workers get the same subnet.
#include "search/store/subnet_work.h"

#include <cmath>
#include <set>

#include "search/store/identity.h"
#include "search/store/worker.h"

namespace triage::search {
namespace {

constexpr const char* kWorkTables[] = {
    "CREATE TABLE IF NOT EXISTS triage_works (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "format BIGINT NOT NULL, identity TEXT NOT NULL, ended BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS triage_work_subnets (work BIGINT NOT NULL, id BIGINT NOT NULL, subnet TEXT NOT NULL, "
    "worker TEXT NOT NULL, lease_end BIGINT NOT NULL, done BIGINT NOT NULL, PRIMARY KEY (work, id), "
    "UNIQUE (work, subnet))",
};

}  // namespace

struct SubnetWork::Impl {
  Impl(const std::string& location, const std::string& name, const Json& identity, const SubnetWorkOptions& options)
      : database(open_database(location)), worker(this_worker(*database)) {
    if (!(options.lease_seconds > 0 && options.lease_seconds < 1e9)) {
      fail("{}: lease: expected seconds above 0, found {}", database->origin(), options.lease_seconds);
    }
    lease_ms = static_cast<std::int64_t>(std::ceil(options.lease_seconds * 1000));
    SqlTransaction transaction(*database);
    for (const char* table : kWorkTables) database->run(table);
    work = open_named(*database, {.table = "triage_works", .what = "scoring of subnets"}, name, identity);
    transaction.commit();
  }

  std::int64_t number(const std::string& statement, const std::vector<SqlValue>& values) const {
    return database->run(statement, values).rows.at(0).integer(0);
  }

  std::unique_ptr<SqlDatabase> database;
  std::string worker;
  std::int64_t work = 0, lease_ms = 0;
};

SubnetWork::SubnetWork(const std::string& location, const std::string& name, const Json& identity,
                       const SubnetWorkOptions& options)
    : impl_(std::make_unique<Impl>(location, name, identity, options)) {}
SubnetWork::~SubnetWork() = default;
SubnetWork::SubnetWork(SubnetWork&&) noexcept = default;

void SubnetWork::want(std::span<const std::string> subnets) {
  if (subnets.empty()) return;
  SqlDatabase& database = *impl_->database;
  SqlTransaction transaction(database);
  std::int64_t next =
      impl_->number("SELECT COALESCE(MAX(id) + 1, 1) FROM triage_work_subnets WHERE work = $1", {impl_->work});
  for (const std::string& subnet : subnets) {
    database.run(
        "UPDATE triage_work_subnets SET done = 0, worker = '', lease_end = 0 "
        "WHERE work = $1 AND subnet = $2 AND done = 1",
        {impl_->work, subnet});
    next += database
                .run(
                    "INSERT INTO triage_work_subnets (work, id, subnet, worker, lease_end, done) "
                    "VALUES ($1, $2, $3, '', 0, 0) ON CONFLICT (work, subnet) DO NOTHING",
                    {impl_->work, next, subnet})
                .changed;
  }
  transaction.commit();
}

std::optional<std::string> SubnetWork::claim() {
  SqlDatabase& database = *impl_->database;
  SqlTransaction transaction(database);
  const std::int64_t now = database.now_ms();
  const SqlResult open =
      database.run("SELECT subnet, worker, lease_end FROM triage_work_subnets WHERE work = $1 AND done = 0 ORDER BY id",
                   {impl_->work});
  for (const SqlRow& row : open.rows) {
    const bool free = row.text(1).empty() || row.integer(2) <= now || is_gone(database, row.text(1));
    if (!free) continue;
    database.run("UPDATE triage_work_subnets SET worker = $1, lease_end = $2 WHERE work = $3 AND subnet = $4",
                 {impl_->worker, now + impl_->lease_ms, impl_->work, row.text(0)});
    transaction.commit();
    return row.text(0);
  }
  return std::nullopt;
}

void SubnetWork::done(const std::string& subnet) {
  impl_->database->run(
      "UPDATE triage_work_subnets SET done = 1, worker = $1 WHERE work = $2 AND subnet = $3 AND done = 0",
      {impl_->worker, impl_->work, subnet});
}

void SubnetWork::give_up(const std::string& subnet) {
  impl_->database->run(
      "UPDATE triage_work_subnets SET worker = '', lease_end = 0 "
      "WHERE work = $1 AND subnet = $2 AND done = 0 AND worker = $3",
      {impl_->work, subnet, impl_->worker});
}

SubnetWork::Status SubnetWork::status() const {
  SqlDatabase& database = *impl_->database;
  const std::vector<SqlValue> work{impl_->work};
  const std::string count = "SELECT COUNT(*) FROM triage_work_subnets WHERE work = $1";
  Status status;
  status.wanted = static_cast<std::size_t>(impl_->number(count, work));
  status.done = static_cast<std::size_t>(impl_->number(count + " AND done = 1", work));
  status.mine =
      static_cast<std::size_t>(impl_->number(count + " AND done = 1 AND worker = $2", {impl_->work, impl_->worker}));
  status.ended = impl_->number("SELECT ended FROM triage_works WHERE id = $1", work) != 0;
  const std::int64_t now = database.now_ms();
  std::set<std::string> workers;
  const SqlResult at_work = database.run(
      "SELECT worker, lease_end FROM triage_work_subnets WHERE work = $1 AND done = 0 AND worker <> ''", work);
  for (const SqlRow& row : at_work.rows) {
    if (row.integer(1) > now && !is_gone(database, row.text(0))) workers.insert(row.text(0));
  }
  status.workers = workers.size();
  return status;
}

void SubnetWork::set_ended(bool ended) {
  impl_->database->run("UPDATE triage_works SET ended = $1 WHERE id = $2",
                       {static_cast<std::int64_t>(ended), impl_->work});
}

}  // namespace triage::search
