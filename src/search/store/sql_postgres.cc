// SqlDatabase on a PostgreSQL server.
#include <libpq-fe.h>

#include <format>
#include <memory>
#include <pqxx/pqxx>
#include <random>
#include <string_view>

#include "core/error.h"
#include "search/store/sql.h"

namespace triage::search {
namespace {

// Writers take turns by this lock of the server; the server frees it after the commit can be seen. The number is ours.
constexpr std::int64_t kWriters = 0x7472696167650001;

// A session is a number whose lock its connection holds: the server frees it when the connection ends. The first number
// of these locks is ours.
constexpr std::int64_t kSessions = 0x74726961;

constexpr pqxx::oid kByteaType = 17;  // of the server's catalogue, the same in each

// A transaction must see what was committed while it waited for its turn. A machine that vanishes within its turn must
// not block the others for longer than they wait.
constexpr const char* kSession =
    "SET client_encoding = 'UTF8'; SET client_min_messages = warning;"
    "SET default_transaction_isolation = 'read committed'; SET lock_timeout = '60s';"
    "SET idle_in_transaction_session_timeout = '30s';"
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

// libpq cuts a location at the first '@' and '/', and its messages quote what it then takes for something else than the
// password: such a location is refused before libpq can speak of it.
void check_location(const std::string& location, const std::string& origin) {
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(location.c_str(), &reason), &PQconninfoFree);
  PQfreemem(reason);
  bool good = options != nullptr;
  for (const PQconninfoOption* option = options.get(); good && option->keyword; ++option) {
    const std::string_view name = option->keyword;
    if (option->val && (name == "host" || name == "port" || name == "dbname")) {
      good = std::string_view(option->val).find('@') == std::string_view::npos;
    }
  }
  if (!good) {
    fail(
        "{}: expected postgresql://user@host:port/database, where user and password have '@', '/' and '%' as %40, %2F "
        "and %25",
        origin);
  }
}

void append(pqxx::params& parameters, const auto& value) { parameters.append(value); }
void append(pqxx::params& parameters, const SqlBytes& value) { parameters.append(pqxx::binary_cast(value.bytes)); }

std::string cell_of(const pqxx::field& field) {
  if (field.is_null() || field.type() != kByteaType) return std::string(field.view());
  const auto bytes = field.as<pqxx::bytes>();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class PostgresDatabase final : public SqlDatabase {
  static constexpr const char* kLost = "the connection is lost";

  template <class Body>
  auto translated(const char* if_broken, Body&& body) {
    try {
      return body();
    } catch (const pqxx::broken_connection& error) {
      fail("{}: PostgreSQL: {}: {}", origin(), if_broken, error.what());
    } catch (const std::exception& error) {
      fail("{}: PostgreSQL: {}", origin(), error.what());
    }
  }

 public:
  explicit PostgresDatabase(const std::string& location) : SqlDatabase(shown_location(location)) {
    check_location(location, origin());
    translated("cannot connect", [&] {
      connection_ = std::make_unique<pqxx::connection>(location);
      pqxx::nontransaction(*connection_).exec(kSession);
    });
  }

  SqlResult run(const std::string& statement, const std::vector<SqlValue>& values) override {
    return translated(kLost, [&] {
      pqxx::params parameters;
      for (const SqlValue& value : values) std::visit([&](const auto& typed) { append(parameters, typed); }, value);
      const pqxx::result answer = transaction_ ? transaction_->exec(statement, parameters)
                                               : pqxx::nontransaction(*connection_).exec(statement, parameters);
      SqlResult result;
      for (const auto& row : answer) {
        std::vector<std::string> cells;
        for (const auto& field : row) cells.push_back(cell_of(field));
        result.rows.emplace_back(std::move(cells));
      }
      result.changed = static_cast<std::int64_t>(answer.affected_rows());
      return result;
    });
  }

  // The server's clock: those of its clients need not agree.
  std::int64_t now_ms() override {
    return run("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", {}).rows.at(0).integer(0);
  }

  std::string session() override {
    std::random_device random;
    while (session_.empty()) {
      const std::string number = std::to_string(random() % 1'000'000'000);
      if (lock("pg_try_advisory_lock", number)) session_ = number;
    }
    return session_;
  }
  bool ended(const std::string& session) override {
    const bool number = session.find_first_not_of("0123456789") == std::string::npos && session.size() < 10;
    return number && session != session_ && lock("pg_try_advisory_xact_lock_shared", session);
  }

 private:
  bool lock(const std::string& function, const std::string& session) {
    const std::string statement = std::format("SELECT {}(CAST($1 AS INTEGER), CAST($2 AS INTEGER))", function);
    return run(statement, {kSessions, session}).rows.at(0).text(0) == "t";
  }
  void begin() override {
    translated(kLost, [&] {
      auto transaction = std::make_unique<pqxx::work>(*connection_);
      transaction->exec("SELECT pg_advisory_xact_lock($1)", pqxx::params{kWriters});
      transaction_ = std::move(transaction);
    });
  }
  void commit() override {
    translated(kLost, [&] { transaction_->commit(); });
    transaction_.reset();
  }
  void rollback() noexcept override { transaction_.reset(); }

  std::string session_;  // empty: not asked for yet
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<pqxx::work> transaction_;  // destroyed before the connection
};

}  // namespace

std::unique_ptr<SqlDatabase> open_postgres(const std::string& location) {
  return std::make_unique<PostgresDatabase>(location);
}

}  // namespace triage::search
