// Processes that train together, as threads of this one: who they are, what they say, of one that fails too.
#include <gmock/gmock.h>

#include <map>

#include "train/parallel/parallel_test_support.h"
#include "train/parallel/shares.h"

namespace triage::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Shares, DivideABatchInOrder) {
  const Shares shares = shares_of(10, {.shares = 4}, 1, 2, "net");
  EXPECT_EQ(shares.total, 4);
  EXPECT_EQ(shares.first, 2);
  ASSERT_EQ(shares.own.size(), 2u);
  EXPECT_EQ(shares.own[0].begin, 5);  // 10 images as 2, 3, 2, 3
  EXPECT_EQ(shares.own[0].count, 2);
  EXPECT_EQ(shares.own[1].count, 3);
  EXPECT_DOUBLE_EQ(shares.own[1].weight, 0.3);
  EXPECT_EQ(shares.count(), 5);
  EXPECT_EQ(shares_of(512, {}, 0, 64, "net").total, 64);
  const auto refusal = [](int batch, const ParallelOptions& options, int processes) {
    return error_of([&] { shares_of(batch, options, 0, processes, "net"); });
  };
  EXPECT_THAT(refusal(4, {}, 5), HasSubstr("stage 'net': processes: expected at most 4"));
  EXPECT_THAT(refusal(4, {.shares = 8}, 1), HasSubstr("parallel.shares: expected at most 4"));
  EXPECT_THAT(refusal(12, {.shares = 4}, 3), HasSubstr("expected a multiple of the 3 processes, found 4"));
  EXPECT_THAT(refusal(10, {.synchronised = true}, 4), HasSubstr("multiple of the 4 processes, found 10"));
}

TEST(Place, IsReadFromTheEnvironment) {
  using Variables = std::map<std::string, std::string>;
  const auto place = [](int processes, const Variables& variables) {
    return find_place(processes, [&](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    });
  };
  EXPECT_FALSE(place(0, {{"RANK", "1"}, {"SLURM_NTASKS", "4"}}));  // no MASTER_ADDR: not ours
  EXPECT_FALSE(place(1, {}));
  EXPECT_EQ(place(3, {})->processes, 3);
  EXPECT_TRUE(place(3, {})->here);
  const Variables torchrun = {{"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}, {"RANK", "2"}, {"WORLD_SIZE", "4"}};
  EXPECT_EQ(place(0, torchrun)->rank, 2);
  EXPECT_EQ(place(0, torchrun)->host, "node1");
  EXPECT_FALSE(place(0, torchrun)->here);
  const Variables slurm = {{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}, {"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "8"}};
  EXPECT_EQ(place(0, slurm)->rank, 3);
  EXPECT_EQ(place(0, slurm)->processes, 8);
  const auto refusal = [&](int processes, Variables changed, const std::string& name, const std::string& value) {
    changed[name] = value;
    return error_of([&] { place(processes, changed); });
  };
  EXPECT_THAT(refusal(0, torchrun, "RANK", "4"), HasSubstr("RANK: expected a number from 0 to 3, found '4'"));
  EXPECT_THAT(refusal(0, torchrun, "MASTER_PORT", "x"), HasSubstr("MASTER_PORT: expected a number"));
  EXPECT_THAT(refusal(2, torchrun, "RANK", "0"), HasSubstr("--processes: expected 4 as in the environment"));
  EXPECT_THAT(error_of([&] { place(0, {{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}); }), HasSubstr("WORLD_SIZE"));
}

TEST(Channel, RefusesAPortInUseAndAMasterThatIsNotThere) {
  const Listener listener("127.0.0.1", 0);
  EXPECT_THAT(error_of([&] { Listener("127.0.0.1", listener.port()); }),
              HasSubstr("expected a free port, found one in use"));
  int port = 0;
  {
    const Listener gone("127.0.0.1", 0);
    port = gone.port();
  }
  EXPECT_THAT(error_of([&] { connect_to("127.0.0.1", port, 0.3); }), HasSubstr("expected rank 0 there within"));
}

TEST(Group, GathersAddsAndBroadcasts) {
  const auto errors = run_ranks(3, [](Group& group) {
    const at::Tensor mine = at::full({2}, group.rank() + 1, at::kDouble);
    EXPECT_TRUE(at::equal(group.gather(mine).select(1, 0), at::tensor({1.0, 2.0, 3.0}, at::kDouble)));
    EXPECT_EQ(group.sum(mine)[0].item<double>(), 6);
    EXPECT_EQ(group.broadcast(group.first() ? "of rank 0" : "mine"), "of rank 0");
    group.agree("stage 'net'", {{"seed", 1}});
    const at::Tensor slices = at::arange(3, at::kFloat).view({3, 1}) + 10 * group.rank();
    const at::Tensor received = at::empty({3, 1}), all = at::empty({3, 1});
    group.exchange_slices(slices, received);
    EXPECT_TRUE(at::equal(received.flatten(), at::tensor({0.0F, 10.0F, 20.0F}) + group.rank()));
    group.gather_slices(received[0], all);
    EXPECT_TRUE(at::equal(all.flatten(), at::tensor({0.0F, 1.0F, 2.0F})));
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

TEST(Group, NamesTheRankThatIsDifferentBeforeTheFirstStep) {
  const auto other_data = run_ranks(
      3, [](Group&) { FAIL() << "a group of unlike ranks"; },
      [](int rank) { return Json{{"revision", "a"}, {"data", rank == 2 ? "other" : "same"}}; });
  for (const std::string& error : other_data)
    EXPECT_THAT(error, AllOf(HasSubstr("rank 2 ("), HasSubstr("data: expected \"same\", found \"other\"")));
  const auto other_options =
      run_ranks(2, [](Group& group) { group.agree("stage 'net'", {{"options", {{"lr", group.rank() + 1}}}}); });
  for (const std::string& error : other_options)
    EXPECT_THAT(error, AllOf(HasSubstr("rank 1 ("), HasSubstr("stage 'net': options.lr: expected 1, found 2")));
}

TEST(Group, NamesTheRankThatGaveUpAndWhy) {
  const auto errors = run_ranks(3, [](Group& group) {
    if (group.rank() == 2) fail("no space left");
    group.barrier();
  });
  EXPECT_EQ(errors[2], "no space left");
  EXPECT_THAT(errors[0], AllOf(HasSubstr("rank 2 ("), HasSubstr("gave up: no space left")));
  EXPECT_EQ(errors[1], errors[0]);
}

// A rank that joins and is gone, as one that was killed.
TEST(Members, NameTheRankWhoseConnectionEnds) {
  Listener listener("127.0.0.1", 0);
  const int port = listener.port();
  std::jthread other([port] {
    const Channel channel = connect_to("127.0.0.1", port, 10);
    channel.send({{"protocol", 1},
                  {"member", {{"rank", 1}, {"host", "node7"}, {"process", 4711}}},
                  {"processes", 2},
                  {"claims", Json::object()}});
    channel.receive(10);
  });
  Members members({.processes = 2, .port = port}, Json::object(), Json::object(), {}, std::move(listener));
  EXPECT_THAT(error_of([&] { members.await_loss(20); }),
              HasSubstr("rank 1 (node7, process 4711) ended without a word"));
}

TEST(Members, NameTheRanksThatDoNotCome) {
  Listener listener("127.0.0.1", 0);
  const Place place{.processes = 3, .port = listener.port()};
  EXPECT_THAT(
      error_of([&] { Members(place, Json::object(), Json::object(), {.join_seconds = 0.2}, std::move(listener)); }),
      HasSubstr("expected 3 processes within 0 s, found 1: rank 1, 2 did not come"));
}

}  // namespace
}  // namespace triage::train
