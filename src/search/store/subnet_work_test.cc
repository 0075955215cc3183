#include "search/store/subnet_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "search/store/logit_store.h"
#include "search/store/postgres_test_support.h"

namespace triage::search {
namespace {

using testing::HasSubstr;

const Json kWorkIdentity = {{"supernet", "aa"}, {"data", "bb"}, {"program", "1.0"}};
const StoreKey kStoreKey{.weights = "aa", .data = "bb", .split = "validation", .recalibration = "64 images"};
const std::vector<Label> kStoreLabels{0, 1, 2, 1};

// A made-up network: what it says follows from its name.
SubnetAnswers answers_of(const std::string& subnet) {
  const plan::ArchSpec arch = plan::ArchSpec::parse(subnet);
  SubnetAnswers said{.arch = subnet, .macs = 1000, .parameters = 10, .accuracy = {0.5}, .logits = {}};
  for (std::size_t i = 0; i < kStoreLabels.size() * 3; ++i) {
    said.logits.push_back(static_cast<float>(arch.blocks[0][0]) + 0.25F * static_cast<float>(i));
  }
  return said;
}

std::vector<std::string> made_subnets(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::format("{}-16", 4 + i));
  return all;
}

class SubnetWorkTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    location_ = GetParam() == "SQLite" ? (directory_ / "work.sqlite").string() : PostgresServer::get().new_database();
  }
  SubnetWork open(double lease = 600) const { return {location_, "first", kWorkIdentity, {.lease_seconds = lease}}; }
  LogitStore store() const { return {location_, "first validation", kStoreKey, 3, kStoreLabels}; }

  TempDir directory_;
  std::string location_;
};

TEST_P(SubnetWorkTest, EachIsClaimedOnce) {
  SubnetWork first = open();
  EXPECT_FALSE(first.claim());
  first.want(std::vector<std::string>{"8-16", "8-8"});
  first.want(std::vector<std::string>{"8-8", "4-4"});
  EXPECT_EQ(first.claim(), "8-16");
  SubnetWork second = open();
  EXPECT_EQ(second.claim(), "8-8");
  EXPECT_EQ(second.claim(), "4-4");
  EXPECT_FALSE(first.claim());
  SubnetWork::Status status = first.status();
  EXPECT_EQ(status.wanted, 3u);
  EXPECT_EQ(status.done, 0u);
  EXPECT_FALSE(status.ended);
  second.done("8-8");
  first.give_up("4-4");  // not its own: nothing happens on PostgreSQL, on SQLite both are one process
  second.give_up("4-4");
  EXPECT_EQ(first.claim(), "4-4");
  first.done("4-4");
  first.set_ended(true);
  status = second.status();
  EXPECT_EQ(status.done, 2u);
  EXPECT_EQ(status.workers, 1u);
  EXPECT_TRUE(status.ended);
  second.want(std::vector<std::string>{"8-8"});  // its answers were lost
  EXPECT_EQ(second.claim(), "8-8");
}

TEST_P(SubnetWorkTest, AnEndedLeaseGoesToAnother) {
  SubnetWork slow = open(), other = open();
  slow.want(std::vector<std::string>{"8-16"});
  EXPECT_EQ(slow.claim(), "8-16");
  EXPECT_FALSE(other.claim());
  open_database(location_)->run("UPDATE triage_work_subnets SET lease_end = lease_end - 600000");
  EXPECT_EQ(other.claim(), "8-16");
  EXPECT_EQ(other.status().workers, 1u);
  slow.done("8-16");  // late, and as good
  other.done("8-16");
  EXPECT_EQ(other.status().done, 1u);
  EXPECT_FALSE(slow.claim());
}

TEST_P(SubnetWorkTest, RefusesWhatBelongsToSomethingElse) {
  open();
  for (const char* field : {"supernet", "data", "program"}) {
    Json other = kWorkIdentity;
    other[field] = "cc";
    EXPECT_THAT(
        error_of([&] { SubnetWork(location_, "first", other); }),
        HasSubstr(std::format("scoring of subnets \"first\" belongs to something else: {}: expected \"cc\"", field)));
  }
  EXPECT_THAT(error_of([&] { open(0); }), HasSubstr("lease: expected seconds above 0, found 0"));
  store();
  StoreKey key = kStoreKey;
  key.weights = "cc";
  EXPECT_THAT(error_of([&] { LogitStore(location_, "first validation", key, 3, kStoreLabels); }),
              HasSubstr("answers \"first validation\" belongs to something else: weights: expected \"cc\", found "
                        "\"aa\""));
}

TEST_P(SubnetWorkTest, AnswersComeBackAsTheyWere) {
  LogitStore kept = store();
  for (const std::string& subnet : made_subnets(3)) kept.insert(answers_of(subnet));
  kept.insert(answers_of("5-16"));  // again
  EXPECT_TRUE(kept.has(family::ArchSpec::parse("4-16")));
  EXPECT_FALSE(kept.find(family::ArchSpec::parse("9-9")));
  const LogitStore again = store();
  const auto found = again.find(family::ArchSpec::parse("5-16"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->logits, answers_of("5-16").logits);
  const std::vector<SubnetAnswers> all = again.list();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].arch, "5-16");
  EXPECT_EQ(all[1].accuracy, answers_of("5-16").accuracy);
  open_database(location_)->run("UPDATE triage_answers SET macs = 1001 WHERE arch = '5-16'");
  EXPECT_THAT(error_of([&] { again.find(family::ArchSpec::parse("5-16")); }), HasSubstr("subnet 5-16: damaged: "));
}

// Until nothing is left; `first` is called when it has its first claim.
void work_to_the_end(SubnetWork work, LogitStore store, const std::function<void()>& first) {
  for (bool begun = false; work.status().done < work.status().wanted;) {
    const std::optional<std::string> subnet = work.claim();
    if (!subnet) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    if (!begun) first();
    begun = true;
    const family::ArchSpec arch = family::ArchSpec::parse(*subnet);
    if (!store.has(arch)) store.insert(answers_of(*subnet));
    work.done(*subnet);
  }
}

// Three processes, of which one dies with a claim that it never completes.
TEST_P(SubnetWorkTest, ThreeWorkersOfWhichOneIsKilled) {
  constexpr int kSubnets = 60;
  open().want(made_subnets(kSubnets));
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  std::vector<pid_t> workers;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string error = error_of([&] {
        work_to_the_end(open(), store(), [&] {
          if (::write(ready[1], "x", 1) != 1) ::_exit(2);
          if (i == 0) ::pause();
        });
      });
      ::_exit(error == "no error" ? 0 : 1);
    }
    workers.push_back(child);
    char byte;
    // It has a claim before the others begin, and is killed when one of them is at work.
    if (i != 1) {
      ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    }
  }
  ::kill(workers[0], SIGKILL);
  int status = 0;
  for (const pid_t child : workers) {
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, child == workers[0] ? SIGKILL : 0);
  }
  for (const int end : ready) ::close(end);
  const LogitStore kept = store();
  EXPECT_EQ(kept.list().size(), static_cast<std::size_t>(kSubnets));
  for (const std::string& subnet : made_subnets(kSubnets)) {
    const auto found = kept.find(family::ArchSpec::parse(subnet));
    ASSERT_TRUE(found) << subnet;
    EXPECT_EQ(found->logits, answers_of(subnet).logits);
  }
  const SubnetWork::Status end = open().status();
  EXPECT_EQ(end.done, end.wanted);
  EXPECT_EQ(end.workers, 0u);
}

INSTANTIATE_TEST_SUITE_P(On, SubnetWorkTest, testing::Values("SQLite", "PostgreSQL"),
                         [](const auto& backend) { return backend.param; });

// As where a worker's machine vanishes: its process says nothing to this one, the server alone sees it.
TEST(SubnetWorkOnPostgres, AClaimEndsWithItsConnection) {
  const std::string location = PostgresServer::get().new_database();
  auto first = std::make_unique<SubnetWork>(location, "first", kWorkIdentity);
  first->want(std::vector<std::string>{"8-16"});
  EXPECT_EQ(first->claim(), "8-16");
  SubnetWork second(location, "first", kWorkIdentity);
  EXPECT_FALSE(second.claim());
  EXPECT_EQ(second.status().workers, 1u);
  first.reset();
  std::optional<std::string> claimed;
  for (const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
       !claimed && std::chrono::steady_clock::now() < give_up; claimed = second.claim()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the server's process ends on its own
  }
  EXPECT_EQ(claimed, "8-16");
}

}  // namespace
}  // namespace triage::search
