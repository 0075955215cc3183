#include "workflow/config/search_config.h"

#include "workflow/workflow_test_support.h"

namespace triage::workflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SearchSection, HasDefaultsWhereTheFileSaysNothing) {
  const SearchConfig config = search_config(kSearch);
  EXPECT_THAT(config.supernets, ElementsAre("runs/net"));
  EXPECT_EQ(config.provider, "cpu");
  EXPECT_EQ(config.axis, cost::CostAxis::latency);
  EXPECT_TRUE(config.device.empty());
  EXPECT_FALSE(config.hand_picked);
  EXPECT_EQ(config.options.structures.policies.size(), 4u);
  EXPECT_THAT(config.options.structures.precisions, ElementsAre(plan::Precision::fp32));
}

TEST(SearchSection, KeysAreRead) {
  const SearchConfig config = search_config(
      kSearch, {"seed=5", "search.axis=macs", "search.provider=compiled", "search.precisions=[\"int8\", \"fp32\"]",
                "search.policies=[\"margin\"]", "search.max_trials=77", "search.budget.mean_mmac=2",
                "search.hand_picked=\"8,16 > 16,32\"", "search.early_exits=false"});
  EXPECT_EQ(config.options.seed, 5u);
  EXPECT_EQ(config.axis, cost::CostAxis::macs);
  EXPECT_EQ(config.provider, "compiled");
  EXPECT_THAT(config.options.structures.precisions, ElementsAre(plan::Precision::int8, plan::Precision::fp32));
  EXPECT_THAT(config.options.structures.policies, ElementsAre(plan::PolicyKind::margin));
  EXPECT_EQ(config.options.max_trials, 77u);
  EXPECT_EQ(config.budgets.mean_macs, 2e6);
  EXPECT_EQ(config.hand_picked->nets.size(), 2u);
  EXPECT_FALSE(config.options.structures.early_exits);
}

TEST(SearchSection, TheSupernetIsNeeded) {
  EXPECT_EQ(search_refusal("name = \"a\"\n"), "c.toml: key 'search' is missing");
  EXPECT_EQ(search_refusal("name = \"a\"\n[search]\n"), "c.toml:2: key 'search.supernet' is missing");
  const std::string several = "name = \"a\"\n[search]\nsupernets = [\"b\", \"c\"]\n";
  EXPECT_THAT(search_config(several).supernets, ElementsAre("b", "c"));
  EXPECT_THAT(search_refusal(several + "supernet = \"d\"\n"), HasSubstr("no such key beside 'supernets'"));
  EXPECT_THAT(search_refusal(several, {"search.supernets=[]"}), HasSubstr("expected at least one directory"));
}

TEST(SearchSection, ValuesAreChecked) {
  EXPECT_THAT(search_refusal(kSearch, {"search.provider=gpu"}),
              HasSubstr("key 'search.provider': expected cpu, xnnpack, compiled or compiled-untuned, found 'gpu'"));
  EXPECT_THAT(search_refusal(kSearch, {"search.axis=time"}),
              HasSubstr("expected latency, macs or energy, found 'time'"));
  EXPECT_THAT(search_refusal(kSearch, {"search.threads=0"}), HasSubstr("key 'search.threads'"));
  EXPECT_THAT(search_refusal(kSearch, {"search.population=3"}), HasSubstr("expected an integer from 4 to 100000"));
  EXPECT_THAT(search_refusal(kSearch, {"search.max_stages=9"}), HasSubstr("key 'search.max_stages'"));
  EXPECT_THAT(search_refusal(kSearch, {"search.settled=2"}), HasSubstr("expected a number from 0 to 1, found 2"));
}

TEST(SearchSection, ListsHaveSomethingAndEachOnce) {
  EXPECT_THAT(search_refusal(kSearch, {"search.policies=[]"}), HasSubstr("expected at least one policy"));
  EXPECT_THAT(search_refusal(kSearch, {"search.precisions=[]"}), HasSubstr("expected at least one precision"));
  EXPECT_THAT(search_refusal(kSearch, {"search.precisions=[\"fp32\", \"fp32\"]"}), HasSubstr("each precision once"));
  EXPECT_THAT(search_refusal(kSearch, {"search.policies=[\"luck\"]"}), HasSubstr("search.policies"));
}

TEST(SearchSection, UnknownKeysAreNamedWithTheirPlace) {
  EXPECT_THAT(search_refusal(kSearch + "trails = 3\n"), HasSubstr("c.toml:4: key 'search.trails' is unknown"));
  EXPECT_THAT(search_refusal(kSearch, {"search.budget.mmac=3"}), HasSubstr("key 'search.budget.mmac' is unknown"));
  EXPECT_THAT(search_refusal("stage = 1\n" + kSearch), HasSubstr("c.toml:1: key 'stage' is unknown"));
}

TEST(SearchSection, ASearchIsToldFromARun) {
  EXPECT_TRUE(is_search_config(ConfigFile(kSearch).path()));
  EXPECT_FALSE(is_search_config(ConfigFile(kTwoStages).path()));
}

}  // namespace
}  // namespace triage::workflow
