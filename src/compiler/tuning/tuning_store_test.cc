#include "compiler/tuning/tuning_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/test_support.h"

namespace triage::compiler {
namespace {

using testing::HasSubstr;

const KernelKey kStoreKey = KernelKey::parse("fp32 16->32 8x8");
const char* const kMachine = "x86_64 avx2 on Some CPU";

Schedule of_columns(int count) { return {.columns = count}; }

TEST(TuningStore, KeepsWhatWasInserted) {
  const TempDir directory;
  {
    TuningStore store(directory / "tuning.sqlite", kMachine);
    EXPECT_FALSE(store.best(kStoreKey));
    EXPECT_EQ(store.effort(kStoreKey), 0);
    store.insert(kStoreKey, of_columns(2), {.us = 30, .spread = 1.5, .samples = 5});
    store.insert(kStoreKey, of_columns(4), {.failure = "crashed with SIGILL"});
    store.insert(kStoreKey, of_columns(6), {.us = 20, .samples = 5});
    store.insert(kStoreKey, of_columns(2), {.us = 21, .spread = 0.5, .samples = 9});  // again
  }
  TuningStore store(directory / "tuning.sqlite", kMachine);
  const std::vector<Candidate> found = store.candidates(kStoreKey);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].schedule, of_columns(2));
  EXPECT_EQ(found[0].key, kStoreKey);
  EXPECT_EQ(found[0].outcome.us, 21);
  EXPECT_EQ(found[0].outcome.spread, 0.5);
  EXPECT_EQ(found[0].outcome.samples, 9);
  EXPECT_FALSE(found[0].git.empty());
  EXPECT_FALSE(found[0].date.empty());
  EXPECT_EQ(found[1].outcome.us, std::nullopt);
  EXPECT_EQ(found[1].outcome.failure, "crashed with SIGILL");
  EXPECT_EQ(store.best(kStoreKey)->schedule, of_columns(6));
  store.finish(kStoreKey, of_columns(2), 3);  // the winner counts, not the luckiest
  EXPECT_EQ(store.best(kStoreKey)->schedule, of_columns(2));
  EXPECT_EQ(store.effort(kStoreKey), 3);
  store.insert(kStoreKey, of_columns(2), {.failure = "timed out after 1 s"});
  EXPECT_EQ(store.best(kStoreKey)->schedule, of_columns(6));

  const TuningStore other(directory / "tuning.sqlite", "x86_64 avx2 on Another CPU");
  EXPECT_EQ(other.count(), 0u);
  EXPECT_EQ(store.count(), 3u);
}

TEST(TuningStore, RefusesWhatIsNoResult) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", kMachine);
  const auto refused = [&](const CandidateResult& outcome) {
    return error_of([&] { store.insert(kStoreKey, of_columns(2), outcome); });
  };
  EXPECT_THAT(refused({}), HasSubstr("tuning.sqlite: fp32 16->32 8x8: direct 1x2x1"));
  EXPECT_THAT(refused({.us = 0}), HasSubstr("expected a time above 0 or a failure, found 0 us"));
  EXPECT_THAT(refused({.us = 1, .failure = "crashed"}), HasSubstr("found 1 us and 'crashed'"));
  store.insert(kStoreKey, of_columns(2), {.failure = "crashed"});
  EXPECT_THAT(error_of([&] { store.finish(kStoreKey, of_columns(2), 1); }), HasSubstr("expected a measured candidate"));
}

TEST(TuningStore, NearestIsOfTheSameKind) {
  const TempDir directory;
  TuningStore store(directory / "tuning.sqlite", kMachine);
  const auto add = [&](const char* key, int width) {
    store.insert(KernelKey::parse(key), of_columns(width), {.us = 5});
    store.insert(KernelKey::parse(key), of_columns(8), {.us = 9});
  };
  add("fp32 64->64 8x8", 1);
  add("fp32 16->64 8x8", 2);
  add("fp32 16->32 8x8 pool", 3);
  add("int8 16->32 8x8", 4);
  add("fp32 16->32 8x8", 5);
  store.insert(KernelKey::parse("fp32 16->48 8x8"), of_columns(6), {.failure = "crashed"});
  const std::vector<Candidate> near = store.nearest(kStoreKey, 5);
  ASSERT_EQ(near.size(), 2u);
  EXPECT_EQ(near[0].schedule, of_columns(2));
  EXPECT_EQ(near[1].schedule, of_columns(1));
  EXPECT_EQ(store.nearest(kStoreKey, 1).size(), 1u);
  EXPECT_EQ(store.keys().size(), 6u);
  EXPECT_EQ(store.all().size(), 11u);
  EXPECT_DOUBLE_EQ(key_distance(kStoreKey, KernelKey::parse("fp32 64->32 8x8")), 2);
}

TEST(TuningStore, RefusesAnotherFile) {
  const TempDir directory;
  const auto refused = [&](const char* name) { return error_of([&] { TuningStore(directory / name, kMachine); }); };
  write_file_atomic(directory / "text", std::string(4096, 'x'));
  EXPECT_THAT(refused("text"), HasSubstr("text: expected a tuning store"));
  SQLite::Database(directory / "foreign", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE cats (a)");
  EXPECT_THAT(refused("foreign"), HasSubstr("foreign: expected a tuning store, found another SQLite database"));
  {
    const TuningStore store(directory / "newer", kMachine);
  }
  SQLite::Database(directory / "newer", SQLite::OPEN_READWRITE)
      .exec("UPDATE store SET value = '9' WHERE key = 'version'");
  EXPECT_THAT(refused("newer"), HasSubstr("newer: version: expected 3, found 9"));
  {
    TuningStore store(directory / "words", kMachine);
    store.insert(kStoreKey, of_columns(2), {.us = 1});
  }
  SQLite::Database(directory / "words", SQLite::OPEN_READWRITE).exec("UPDATE candidates SET schedule = 'sideways'");
  EXPECT_THAT(error_of([&] { TuningStore(directory / "words", kMachine).all(); }), HasSubstr("words: "));
}

TEST(TuningStore, RefusesADamagedRow) {
  const TempDir directory;
  const auto after = [&](const std::string& change) {
    const fs::path file = directory / "rows.sqlite";
    fs::remove(file);
    {
      TuningStore store(file, kMachine);
      store.insert(kStoreKey, of_columns(1), {.us = 3});
      store.insert(kStoreKey, of_columns(2), {.us = 2});
      store.finish(kStoreKey, of_columns(2), 7);
    }
    SQLite::Database(file, SQLite::OPEN_READWRITE).exec(change);
    return error_of([&] {
      const TuningStore store(file, kMachine);
      store.all();
      store.effort(kStoreKey);
      store.best(kStoreKey);
    });
  };
  EXPECT_EQ(after("UPDATE candidates SET sha256 = sha256"), "no error");
  for (const char* change : {"candidates SET us = 1.5 WHERE us = 3", "candidates SET spread = 0.25",
                             "tuned SET effort = 8", "candidates SET date = 'today'"}) {
    EXPECT_THAT(after(std::string("UPDATE ") + change), HasSubstr("rows.sqlite: " + kStoreKey.text() + ": damaged: "))
        << change;
  }
  const std::string other = of_columns(1).text();
  EXPECT_THAT(after("UPDATE tuned SET schedule = '" + other + "'"), HasSubstr(": damaged: "));
  // Of before: no column, and a warning.
  EXPECT_EQ(after("ALTER TABLE candidates DROP COLUMN sha256; ALTER TABLE tuned DROP COLUMN sha256"), "no error");
}

TEST(TuningStore, RefusesADamagedFile) {
  const TempDir directory;
  const fs::path file = directory / "tuning.sqlite";
  {
    TuningStore store(file, kMachine);
    for (int i = 1; i < 400; ++i) store.insert(kStoreKey, of_columns(i), {.us = 1.0 * i});
  }
  std::string bytes = read_file(file);
  std::fill(bytes.begin() + 8192, bytes.begin() + 20480, '\x5a');
  write_file_atomic(file, bytes);
  EXPECT_THAT(error_of([&] { TuningStore(file, kMachine); }), HasSubstr("tuning.sqlite: "));
}

TEST(TuningStore, ProcessesShareItAndMayBeKilled) {
  const TempDir directory;
  const fs::path file = directory / "tuning.sqlite";
  std::vector<pid_t> writers;
  for (int w = 0; w < 3; ++w) {
    writers.push_back(::fork());
    if (writers.back() != 0) continue;
    TuningStore store(file, kMachine);  // made by whoever comes first
    for (int i = 0; i < 30; ++i) store.insert(kStoreKey, of_columns(1 + w + 3 * i), {.us = 1.0 + i});
    if (w == 2) ::kill(::getpid(), SIGKILL);
    ::_exit(0);
  }
  for (const pid_t writer : writers) ::waitpid(writer, nullptr, 0);
  EXPECT_EQ(TuningStore(file, kMachine).count(), 90u);
}

}  // namespace
}  // namespace triage::compiler
