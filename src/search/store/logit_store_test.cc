#include "search/store/logit_store.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files/sqlite.h"
#include "core/json.h"
#include "core/test_support.h"

namespace triage::search {
namespace {

const StoreKey kKey{.weights = "aa", .data = "bb", .split = "validation", .recalibration = "64 images"};
const std::vector<Label> kLabels{0, 1, 2, 1};

SubnetAnswers answers(const std::string& arch, float first) {
  SubnetAnswers result{.arch = arch, .macs = 1000, .parameters = 10, .accuracy = {0.5, 0.75}};
  for (int i = 0; i < 2 * 4 * 3; ++i) result.logits.push_back(first + 0.25f * static_cast<float>(i));
  return result;
}

TEST(LogitStore, KeepsWhatWasInserted) {
  const TempDir directory;
  const fs::path file = directory / "store.sqlite";
  {
    LogitStore store(file, kKey, 3, kLabels);
    EXPECT_FALSE(store.has(family::ArchSpec::parse("8-16")));
    store.insert(answers("8-16", -1));
    store.insert(answers("8-8", 2));
    store.insert(answers("8-16", 1));  // again
  }
  const LogitStore store(file, kKey, 3, kLabels);
  EXPECT_EQ(store.list().size(), 2u);
  const auto found = store.find(family::ArchSpec::parse("8-16"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->logits, answers("8-16", 1).logits);  // quarters are exact in half precision
  EXPECT_EQ(found->accuracy, (std::vector<double>{0.5, 0.75}));
  EXPECT_EQ(found->macs, 1000);
  EXPECT_FALSE(store.find(family::ArchSpec::parse("9-9")));
}

TEST(LogitStore, RefusesWhatBelongsToSomethingElse) {
  const TempDir directory;
  const fs::path file = directory / "store.sqlite";
  {
    LogitStore store(file, kKey, 3, kLabels);
  }
  StoreKey other = kKey;
  other.weights = "cc";
  const std::string message = error_of([&] { LogitStore(file, other, 3, kLabels); });
  EXPECT_NE(message.find("weights: expected cc, found aa"), std::string::npos) << message;
  EXPECT_NE(message.find("store.sqlite"), std::string::npos) << message;
  EXPECT_NE(error_of([&] { LogitStore(file, kKey, 3, {0, 1, 2, 2}); }).find("labels"), std::string::npos);
  EXPECT_NE(error_of([&] { LogitStore(file, kKey, 4, kLabels); }).find("classes: expected 4, found 3"),
            std::string::npos);
  SubnetAnswers bad = answers("8-16", 0);
  bad.logits.pop_back();
  EXPECT_NE(error_of([&] { LogitStore(file, kKey, 3, kLabels).insert(bad); }).find("expected 24 logits, found 23"),
            std::string::npos);
}

// What the store says of both its subnets.
std::string said(const fs::path& file) {
  const LogitStore store(file, kKey, 3, kLabels);
  std::string text;
  for (const SubnetAnswers& each : store.list())
    text += std::format("{} {} {} {}\n", each.arch, each.macs, each.parameters, Json(each.accuracy).dump());
  for (const char* arch : {"8-16", "8-8"}) text += Json(store.find(family::ArchSpec::parse(arch))->logits).dump();
  return text;
}

TEST(LogitStore, DamageIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "store.sqlite";
  {
    LogitStore store(file, kKey, 3, kLabels);
    store.insert(answers("8-16", -1));
    store.insert(answers("8-8", 2));
  }
  const Damage found = damage(file, 600, [&] { return said(file); });  // most of the pages is empty
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 20);
}

TEST(LogitStore, AnswersOfBeforeThereWereChecksumsAreRead) {
  const TempDir directory;
  const fs::path file = directory / "store.sqlite";
  std::string now;
  {
    LogitStore store(file, kKey, 3, kLabels);
    store.insert(answers("8-16", -1));
    store.insert(answers("8-8", 2));
  }
  now = said(file);
  SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec("ALTER TABLE subnets DROP COLUMN sha256");
  EXPECT_EQ(said(file), now);
  LogitStore store(file, kKey, 3, kLabels);
  store.insert(answers("4-4", 3));
  EXPECT_EQ(store.list().size(), 3u);
}

TEST(LogitStore, RefusesWhatIsNoFile) {
  EXPECT_EQ(error_of([] { LogitStore("/dev/zero", kKey, 3, kLabels); }),
            "/dev/zero: expected a store of subnets' answers, found no regular file");
}

TEST(LogitStore, RefusesAFileOfAnotherKind) {
  const TempDir directory;
  const fs::path file = directory / "store.sqlite";
  write_file_atomic(file, std::string(4096, 'x'));
  EXPECT_NE(error_of([&] { LogitStore(file, kKey, 3, kLabels); }).find("store.sqlite"), std::string::npos);
}

}  // namespace
}  // namespace triage::search
