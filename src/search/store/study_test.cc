#include "search/store/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <set>

#include "core/files/sqlite.h"
#include "search/store/postgres_test_support.h"

namespace triage::search {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

const Json kIdentity = {{"space", {{"widths", "8-16"}, {"depth", 3}}}, {"budget", 0.1}, {"seed", 1}};

Trial trial(const std::string& genome, std::uint64_t seed = 1) {
  return {.seed = seed,
          .genome = genome,
          .origin = "random",
          .points = {{.cost = 0.1, .accuracy = 1.0 / 3, .thresholds = {0.25, 0.7}, .more = {{"share", 0.5}}},
                     {.cost = 12, .accuracy = 0.75}}};
}

std::vector<Trial> trials_of(const StudyBatch& batch, int count) {
  std::vector<Trial> trials;
  for (int i = 0; i < count; ++i) trials.push_back(trial(std::format("{}/{}", batch.id, i)));
  return trials;
}

// A process that does `work`; exit status 1 after an error, which it prints.
pid_t in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const std::string error = error_of(work);
  if (error == "no error") ::_exit(0);
  std::fprintf(stderr, "child: %s\n", error.c_str());
  ::_exit(1);
}

// Until it ended; it stays a zombie until reaped, as a worker whose parent does not care.
void wait_for_end(pid_t child) {
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
}

int reap(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

class StudyTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    location_ = GetParam() == "SQLite" ? (directory_ / "search.sqlite").string() : PostgresServer::get().new_database();
  }
  Study open(double lease = 900) const { return Study(location_, "first", kIdentity, {.lease_seconds = lease}); }

  TempDir directory_;
  std::string location_;
};

TEST_P(StudyTest, KeepsWhatIsCompleted) {
  {
    Study study = open();
    EXPECT_EQ(study.size(), 0u);
    const StudyBatch first = study.claim(), second = study.claim();
    EXPECT_EQ(first.id, 0u);
    EXPECT_EQ(second.id, 1u);
    EXPECT_TRUE(study.complete(second, {trial("b", ~std::uint64_t{0})}, {{"seconds", 2}}));
    EXPECT_TRUE(study.trials_after(1).empty());
    EXPECT_TRUE(study.complete(first, {trial("a"), trial("b"), trial("a"), trial("ü 'c'")}, {{"seconds", 1.5}}));
    EXPECT_FALSE(study.complete(first, {trial("d")}, {{"seconds", 1.5}}));
    EXPECT_EQ(study.claim().id, 2u);
  }
  const Study study = open();
  EXPECT_EQ(study.size(), 3u);
  const std::vector<Trial> all = study.trials_after(0);
  ASSERT_EQ(all.size(), 3u);
  const std::vector<std::string> genomes{"b", "a", "ü 'c'"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].id, i + 1);
    EXPECT_EQ(all[i].batch, i == 0 ? 1u : 0u);
    EXPECT_EQ(all[i].seed, i == 0 ? ~std::uint64_t{0} : 1u);
    EXPECT_EQ(all[i].genome, genomes[i]);
    EXPECT_EQ(all[i].origin, "random");
    EXPECT_EQ(all[i].points, trial("").points);
  }
  EXPECT_EQ(study.trials_after(2).size(), 1u);
  EXPECT_EQ(study.history(), (std::vector<Json>{{{"batch", 0}, {"seconds", 1.5}}, {{"batch", 1}, {"seconds", 2}}}));
}

TEST(StudyFile, DamageIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "search.sqlite";
  const auto open = [&] { return Study(file.string(), "first", kIdentity); };
  {
    Study study = open();
    for (int i = 0; i < 4; ++i) {
      const StudyBatch batch = study.claim();
      study.complete(batch, trials_of(batch, 5), {{"seconds", 2}});
    }
  }
  const auto said = [&] {
    const Study study = open();
    std::string text;
    for (const Trial& each : study.trials_after(0)) {
      text += std::format("{} {} {} {} {}", each.id, each.batch, each.seed, each.genome, each.origin);
      for (const TrialPoint& point : each.points)
        text += std::format(" {} {} {}", point.cost, point.accuracy, Json(point.thresholds).dump()) + point.more.dump();
    }
    return text + Json(study.history()).dump();
  };
  const Damage found = damage(file, 400, said);
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 20);
}

TEST(StudyFile, TrialsOfBeforeThereWereChecksumsAreRead) {
  const TempDir directory;
  const fs::path file = directory / "search.sqlite";
  {
    Study study(file.string(), "first", kIdentity);
    study.complete(study.claim(), {trial("a"), trial("b")}, {{"seconds", 2}});
  }
  SQLite::Database(file.string(), SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE triage_trials SET points = json_extract(points, '$.points'); "
          "UPDATE triage_batches SET summary = json_remove(summary, '$.checksum')");
  const Study study(file.string(), "first", kIdentity);
  ASSERT_EQ(study.trials_after(0).size(), 2u);
  EXPECT_EQ(study.trials_after(0)[1].points, trial("").points);
  EXPECT_EQ(study.history(), (std::vector<Json>{{{"batch", 0}, {"seconds", 2}}}));
}

TEST_P(StudyTest, RefusesWhatBelongsToSomethingElse) {
  {
    Study study = open();
    study.complete(study.claim(), {trial("a")}, Json::object());
  }
  const auto error = [&](const Json& identity) { return error_of([&] { Study(location_, "first", identity); }); };
  Json other = kIdentity;
  other["space"]["depth"] = 4;
  other["seed"] = 2;
  EXPECT_THAT(error(other), HasSubstr("study \"first\" belongs to something else: space.depth: expected 4, found 3."));
  EXPECT_THAT(error(other), HasSubstr(shown_location(location_)));
  other = kIdentity;
  other.erase("seed");
  EXPECT_THAT(error(other), HasSubstr("seed: expected nothing, found 1"));
  other = kIdentity;
  other["method"] = "random";
  EXPECT_THAT(error(other), HasSubstr("method: expected \"random\", found nothing"));
  EXPECT_EQ(error({{"seed", 1}, {"budget", 0.1}, {"space", kIdentity["space"]}}), "no error");  // the order is free
  Study second(location_, "second", other);
  EXPECT_EQ(second.size(), 0u);
  EXPECT_EQ(second.claim().id, 0u);
  EXPECT_TRUE(second.complete({.id = 0}, {trial("a")}, Json::object()));
  EXPECT_EQ(open().size(), 1u);
}

TEST_P(StudyTest, RefusesWhatItCannotKeep) {
  Study study = open();
  EXPECT_THAT(error_of([&] { study.complete({.id = 7}, {}, Json::object()); }),
              HasSubstr("batch 7: expected one that"));
  const StudyBatch batch = study.claim();
  Trial bad = trial("x");
  bad.points[1].cost = std::nan("");
  EXPECT_THAT(error_of([&] { study.complete(batch, {trial("a"), bad}, Json::object()); }),
              HasSubstr("trial x: points[1]: expected finite numbers, found cost nan"));
  EXPECT_THAT(error_of([&] { study.complete(batch, {}, 3); }), HasSubstr("summary: expected an object, found 3"));
  EXPECT_THAT(error_of([&] { open(0); }), HasSubstr("lease: expected seconds above 0, found 0"));
  EXPECT_EQ(study.size(), 0u);
  EXPECT_TRUE(study.complete(batch, {trial("a")}, Json::object()));
}

TEST_P(StudyTest, TakesOverFromDeadProcesses) {
  const pid_t first = in_child([&] { open().claim(); });
  wait_for_end(first);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t second = in_child([&] {
    Study study = open();
    study.claim();  // what the first one held
    study.claim();
    if (::write(ready[1], "x", 1) == 1) ::pause();
  });
  ::close(ready[1]);
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  Study study = open();
  EXPECT_EQ(study.claim().id, 2u);  // the second one lives
  ::kill(second, SIGKILL);
  wait_for_end(second);
  const StudyBatch batch = study.claim();  // of a zombie
  EXPECT_EQ(batch.id, 0u);
  EXPECT_EQ(batch.attempt, 3);
  EXPECT_EQ(reap(first), 0);
  EXPECT_NE(reap(second), 0);
  const StudyBatch next = study.claim();  // of no process at all
  EXPECT_EQ(next.id, 1u);
  EXPECT_EQ(next.attempt, 2);
  EXPECT_EQ(study.claim().id, 3u);
  EXPECT_TRUE(study.complete(batch, {trial("a")}, Json::object()));
}

TEST_P(StudyTest, TakesOverWhenTheLeaseHasRunOut) {
  Study slow = open(), other = open();
  const StudyBatch batch = slow.claim();
  EXPECT_EQ(batch.id, 0u);
  EXPECT_EQ(other.claim().id, 1u);
  open_database(location_)->run("UPDATE triage_batches SET lease_end = lease_end - 900000 WHERE id = 0", {});
  const StudyBatch taken = other.claim();
  EXPECT_EQ(taken.id, 0u);
  EXPECT_EQ(taken.attempt, 2);
  EXPECT_TRUE(other.complete(taken, {trial("a")}, {{"by", "other"}}));
  EXPECT_FALSE(slow.complete(batch, {trial("b")}, {{"by", "slow"}}));
  EXPECT_EQ(slow.size(), 1u);
  EXPECT_EQ(slow.history(), (std::vector<Json>{{{"batch", 0}, {"by", "other"}}}));
}

TEST_P(StudyTest, FourProcessesWriteAndAReaderMissesNothing) {
  constexpr std::size_t kWorkers = 4, kBatches = 20, kTrials = 3;
  std::vector<pid_t> children;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    children.push_back(in_child([&] {
      Study study = open();
      for (std::size_t b = 0; b < kBatches; ++b) {
        const StudyBatch batch = study.claim();
        std::vector<Trial> trials = trials_of(batch, kTrials);
        trials.push_back(trial("everybody's"));
        if (!study.complete(batch, trials, Json::object())) fail("batch {} was done already", batch.id);
      }
    }));
  }
  constexpr std::size_t kAll = kWorkers * kBatches * kTrials + 1;
  const Study study = open();
  std::set<std::string> genomes;
  std::uint64_t last = 0;
  for (const auto give_up = std::chrono::steady_clock::now() + 30s; last < kAll;) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    for (const Trial& found : study.trials_after(last)) {
      ASSERT_EQ(found.id, last + 1);
      last = found.id;
      EXPECT_TRUE(genomes.insert(found.genome).second) << found.genome;
    }
  }
  for (const pid_t child : children) EXPECT_EQ(reap(child), 0);
  EXPECT_EQ(study.size(), kAll);
  const std::vector<Json> history = study.history();
  ASSERT_EQ(history.size(), kWorkers * kBatches);
  for (std::size_t i = 0; i < history.size(); ++i) EXPECT_EQ(history[i]["batch"], i);
}

TEST_P(StudyTest, AKilledWorkerLeavesABatchWholeOrNotAtAll) {
  constexpr int kTrials = 200;
  std::mt19937 random(5);
  std::size_t unfinished = 0;
  for (int round = 0; round < 15; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = in_child([&] {
      Study study = open();
      if (::write(ready[1], "x", 1) != 1) return;
      while (true) {
        const StudyBatch batch = study.claim();
        study.complete(batch, trials_of(batch, kTrials), Json::object());
      }
    });
    ::close(ready[1]);
    char byte;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    ::kill(child, SIGKILL);
    reap(child);

    const Study study = open();
    std::map<std::uint64_t, int> trials;
    std::uint64_t last = 0;
    for (const Trial& found : study.trials_after(0)) {
      EXPECT_EQ(found.id, ++last);
      ++trials[found.batch];
    }
    for (const auto& [batch, count] : trials) EXPECT_EQ(count, kTrials) << batch;
    const std::vector<Json> history = study.history();
    EXPECT_EQ(history.size(), trials.size());
    for (const Json& done : history) EXPECT_TRUE(trials.contains(done["batch"].get<std::uint64_t>()));
    Study next = open();
    unfinished += next.claim().attempt > 1;
  }
  EXPECT_GT(unfinished, 0u);  // else nobody was killed at work
}

INSTANTIATE_TEST_SUITE_P(On, StudyTest, testing::Values("SQLite", "PostgreSQL"),
                         [](const auto& backend) { return backend.param; });

TEST(StudyOnSqlite, NamesTheFile) {
  const TempDir directory;
  const fs::path file = directory / "search.sqlite";
  write_file_atomic(file, std::string(4096, 'x'));
  EXPECT_THAT(error_of([&] { Study(file.string(), "first", kIdentity); }),
              HasSubstr("search.sqlite: expected a SQLite database: "));
  EXPECT_THAT(error_of([&] { Study("/nowhere/search.sqlite", "first", kIdentity); }),
              HasSubstr("/nowhere/search.sqlite"));
  EXPECT_THAT(
      error_of([&] { Study("mysql://me:secret@host/db", "first", kIdentity); }),
      testing::AllOf(HasSubstr("mysql://me:***@host/db: expected a file or postgresql://"), Not(HasSubstr("secret"))));
}

TEST(StudyOnPostgres, NamesALostConnectionButNoPassword) {
  PostgresServer& server = PostgresServer::get();
  const std::string location = server.new_database(), database = location.substr(location.rfind('/') + 1);
  Study study(server.location(database, "triage:secret"), "first", kIdentity);
  const StudyBatch batch = study.claim();
  open_database(location)->run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
      {database});
  for (const auto& use : std::vector<std::function<void()>>{[&] { study.size(); }, [&] { study.claim(); },
                                                            [&] { study.complete(batch, {}, Json::object()); }}) {
    const std::string error = error_of(use);
    EXPECT_THAT(error, HasSubstr("postgresql://triage:***@"));
    EXPECT_THAT(error, HasSubstr(database + ": PostgreSQL: the connection is lost: "));
    EXPECT_THAT(error, Not(HasSubstr("secret")));
  }
}

TEST(StudyOnPostgres, HidesThePasswordInEveryLocation) {
  for (const std::string location : {
           "postgresql://me:secret@/db?host=/nowhere",  // right, but nobody is there
           "postgres://me@/db?host=/nowhere&password=secret",
           "postgresql://me:se/secret@localhost/db",  // not escaped: libpq sees a host, a port and a database
           "postgresql://me:s@secret@localhost/db",
           "postgresql://me:%secret@localhost/db",
           "postgresql://me:secret@[::1/db",
       }) {
    const std::string error = error_of([&] { Study(location, "first", kIdentity); });
    EXPECT_THAT(error, testing::StartsWith("postgres")) << location;
    EXPECT_THAT(error, HasSubstr("***")) << location;
    EXPECT_THAT(error, Not(HasSubstr("secret"))) << location;
  }
}

}  // namespace
}  // namespace triage::search
